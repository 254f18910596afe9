//! A state machine whose requests, events and time limits say what to do.

use tokio::io::DuplexStream;

use super::*;
use crate::service::StateLimits;

pub(super) type Ev = String;
pub(super) type Talker = Client<String, String, Lines, DuplexStream>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    Fresh,
    Greeted(String),
    /// Has no handler for events.
    Deaf,
    /// Gives up at half-close.
    Fickle,
    Timed(Timed),
    Closed,
}

/// A state with limits; `then` is what it does when one has passed, if anything.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Timed {
    name: &'static str,
    limits: StateLimits,
    then: String,
}

impl Phase {
    /// `one idle=1000 within=2000 then tell late`
    pub(super) fn read(text: &str) -> Self {
        let (head, then) = text.split_once(" then ").unwrap_or((text, ""));
        let mut words = head.split(' ');
        let name = match words.next() {
            Some("deaf") => return Self::Deaf,
            Some("fickle") => return Self::Fickle,
            Some("closed") => return Self::Closed,
            Some("one") => "one",
            Some("two") => "two",
            _ => return Self::Fresh,
        };
        let mut limits = StateLimits::NONE;
        for word in words {
            let (key, millis) = word.split_once('=').expect("a limit");
            let limit = Some(Duration::from_millis(millis.parse().expect("a number")));
            *if key == "idle" { &mut limits.idle } else { &mut limits.max_duration } = limit;
        }
        Self::Timed(Timed { name, limits, then: then.to_owned() })
    }
}

#[derive(Debug, PartialEq)]
pub(super) enum Report {
    Connected(Peer<String, Ev>),
    Holding,
    Dropped,
    /// What was handled, the last state, the reason.
    Ended(Vec<String>, Option<Phase>, Reason),
}

pub(super) struct Machine {
    reports: mpsc::UnboundedSender<Report>,
    pub(super) release: Semaphore,
    first: Phase,
}

pub(super) fn machine(first: &str) -> (Arc<Machine>, mpsc::UnboundedReceiver<Report>) {
    let (reports, receiver) = mpsc::unbounded_channel();
    (Arc::new(Machine { reports, release: Semaphore::new(0), first: Phase::read(first) }), receiver)
}

/// A machine that is connected to a pipe: no socket, so that the time can be paused.
pub(super) fn piped(
    first: &str,
    limited: impl FnOnce(Server<Machine, Lines>) -> Server<Machine, Lines>,
) -> (Talker, Arc<Machine>, mpsc::UnboundedReceiver<Report>) {
    narrow(1 << 16, first, limited)
}

/// As [`piped`], through a pipe that holds `bytes`.
pub(super) fn narrow(
    bytes: usize,
    first: &str,
    limited: impl FnOnce(Server<Machine, Lines>) -> Server<Machine, Lines>,
) -> (Talker, Arc<Machine>, mpsc::UnboundedReceiver<Report>) {
    let (service, reports) = machine(first);
    let (near, far) = tokio::io::duplex(bytes);
    let server = limited(Server::new(Arc::clone(&service)).codec(Lines::new()));
    tokio::spawn(server.serve_stream(far));
    (Client::from_stream(near, Lines::new()), service, reports)
}

pub(super) async fn peer(reports: &mut mpsc::UnboundedReceiver<Report>) -> Peer<String, Ev> {
    match reports.recv().await {
        Some(Report::Connected(peer)) => peer,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn ended(
    reports: &mut mpsc::UnboundedReceiver<Report>,
) -> (Vec<String>, Option<Phase>, Reason) {
    loop {
        if let Report::Ended(handled, last, reason) = reports.recv().await.expect("the service lives") {
            return (handled, last, reason);
        }
    }
}

pub(super) fn within(state: &'static str, reason: Reason) -> Reason {
    Reason::InState { state, reason: Box::new(reason) }
}

struct Drops(mpsc::UnboundedSender<Report>);

impl Drop for Drops {
    fn drop(&mut self) {
        let _ = self.0.send(Report::Dropped);
    }
}

impl Machine {
    async fn act(
        &self,
        state: Phase,
        peer: &Peer<String, Ev>,
        handled: &mut Vec<String>,
        text: String,
    ) -> Result<Step<Self>, String> {
        let (word, rest) = text.split_once(' ').unwrap_or((&text, ""));
        handled.push(text.clone());
        Ok(match (word, state) {
            ("name", _) => Step::reply(Phase::Greeted(rest.to_owned()), format!("hello {rest}")),
            ("add", Phase::Greeted(name)) => Step::go(Phase::Greeted(name + rest)),
            ("who", Phase::Greeted(name)) => Step::reply(Phase::Greeted(name.clone()), name),
            ("where", state) => {
                let name = Self::state_name(Self::state_index(&state)).to_owned();
                Step::reply(state, name)
            }
            ("go", _) => Step::go(Phase::read(rest)),
            ("to", _) => Step::reply(Phase::read(rest), format!("at {rest}")),
            ("tell", state) => Step::reply(state, rest.to_owned()),
            ("quiet", state) => Step::go(state),
            // Leads on, with an answer that can't be written.
            ("garble", _) => Step::reply(Phase::Greeted(rest.to_owned()), "a\nb".to_owned()),
            ("push", state) => {
                peer.send(rest.to_owned()).await.map_err(|error| error.to_string())?;
                Step::go(state)
            }
            ("again", state) => {
                let _ = peer.try_post(text.clone());
                Step::go(state)
            }
            ("sleep", state) => {
                // By the paused clock: a handler that takes longer than a limit.
                tokio::time::sleep(Duration::from_millis(rest.parse().expect("a number"))).await;
                Step::reply(state, "slept".to_owned())
            }
            ("hold", state) => {
                let drops = Drops(self.reports.clone());
                let _ = self.reports.send(Report::Holding);
                self.release.acquire().await.expect("never closed").forget();
                std::mem::forget(drops);
                Step::reply(state, "held".to_owned())
            }
            ("close", state) => {
                peer.close();
                Step::reply(state, "closing".to_owned())
            }
            ("fail", _) => return Err(rest.to_owned()),
            ("panic", _) => panic!("as asked"),
            (_, state) => Step::reply(state, text),
        })
    }
}

const STATES: [&str; 7] = ["fresh", "greeted", "deaf", "fickle", "one", "two", "closed"];

impl Service for Machine {
    type Request = String;
    type Response = String;
    type Error = String;
    type Event = Ev;
    type Conn = Vec<String>;
    type State = Phase;
    type Kind = PerRequest;

    async fn on_connect(self: &Arc<Self>, peer: &Peer<String, Ev>) -> Result<Connected<Self>, String> {
        let _ = self.reports.send(Report::Connected(peer.clone()));
        if self.first == Phase::Closed {
            let _ = peer.try_send("not now".to_owned());
        }
        Ok(Connected { conn: Vec::new(), state: self.first.clone() })
    }

    async fn on_disconnect(
        self: &Arc<Self>,
        _: &Peer<String, Ev>,
        handled: Vec<String>,
        last: Option<Phase>,
        reason: Reason,
    ) {
        let _ = self.reports.send(Report::Ended(handled, last, reason));
    }

    async fn on_error(
        self: &Arc<Self>,
        _: &Peer<String, Ev>,
        _: &mut Vec<String>,
        error: SessionError<String>,
    ) -> ControlFlow<Reason, String> {
        match error {
            SessionError::Handler(text) if text == "silently" => ControlFlow::Break(Reason::Failed(text)),
            SessionError::Handler(text) => ControlFlow::Continue(format!("error: {text}")),
            SessionError::Decode(_) => ControlFlow::Continue("what?".to_owned()),
            SessionError::Encode(_) => ControlFlow::Continue("can't say".to_owned()),
            SessionError::Panicked(panic) => ControlFlow::Continue(format!("panic: {panic}")),
            error => ControlFlow::Break(Reason::from_error(&error)),
        }
    }

    const MIN_STATE_TIMEOUT: Option<Duration> = Some(Duration::from_secs(1));

    async fn on_request(
        self: &Arc<Self>,
        state: Phase,
        peer: &Peer<String, Ev>,
        handled: &mut Vec<String>,
        request: String,
    ) -> Result<Step<Self>, String> {
        self.act(state, peer, handled, request).await
    }

    async fn on_event(
        self: &Arc<Self>,
        state: Phase,
        peer: &Peer<String, Ev>,
        handled: &mut Vec<String>,
        event: Ev,
    ) -> Result<ControlFlow<Phase, Step<Self>>, String> {
        if state == Phase::Deaf {
            return Ok(ControlFlow::Break(state));
        }
        Ok(ControlFlow::Continue(self.act(state, peer, handled, event).await?))
    }

    async fn on_timeout(
        self: &Arc<Self>,
        state: Phase,
        peer: &Peer<String, Ev>,
        handled: &mut Vec<String>,
    ) -> Result<ControlFlow<Phase, Step<Self>>, String> {
        match &state {
            Phase::Timed(timed) if !timed.then.is_empty() => {
                let then = timed.then.clone();
                Ok(ControlFlow::Continue(self.act(state, peer, handled, then).await?))
            }
            _ => Ok(ControlFlow::Break(state)),
        }
    }

    fn state_index(state: &Phase) -> u16 {
        let name = match state {
            Phase::Fresh => "fresh",
            Phase::Greeted(_) => "greeted",
            Phase::Deaf => "deaf",
            Phase::Fickle => "fickle",
            Phase::Timed(timed) => timed.name,
            Phase::Closed => "closed",
        };
        let index = STATES.iter().position(|state| *state == name).expect("a state");
        u16::try_from(index).expect("few states")
    }

    fn state_name(index: u16) -> &'static str {
        STATES[usize::from(index)]
    }

    fn state_limits(self: &Arc<Self>, state: &Phase) -> StateLimits {
        match state {
            Phase::Timed(timed) => timed.limits,
            _ => StateLimits::NONE,
        }
    }

    fn half_close(state: &Phase) -> HalfClose {
        if *state == Phase::Fickle { HalfClose::Cancel } else { HalfClose::Answer }
    }

    fn closes(state: &Phase) -> bool {
        *state == Phase::Closed
    }

    fn recover(self: &Arc<Self>, index: u16) -> Option<Phase> {
        match Self::state_name(index) {
            "fresh" => Some(Phase::Fresh),
            "deaf" => Some(Phase::Deaf),
            "fickle" => Some(Phase::Fickle),
            _ => None,
        }
    }
}
