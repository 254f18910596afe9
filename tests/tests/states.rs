//! `#[state]`, `#[event]` and hooks as users write them: the order of calls, the values that are
//! kept, and the end of a session.
//!
//! The driver itself is tested with hand-written services in the crates.

#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::test::{self, Client};
use portcullis::{Interrupted, Panic};
use portcullis_tests::on_loops;
use tokio::sync::Semaphore;

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A service whose hooks all log their calls, and fail on request.
struct Recorder {
    log: Log,
    /// `wait` requests wait for a permit.
    gate: Semaphore,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { log: Log::default(), gate: Semaphore::new(0) }
    }
}

#[derive(Debug)]
struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Interrupted> for Refused {
    fn from(interrupted: Interrupted) -> Self {
        Self(interrupted.to_string())
    }
}

/// The connection value: counters.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    requests: u32,
    responses: u32,
}

enum Note {
    Said(String),
    Fails,
    Panics,
}

type Next = (String, RecorderState);

#[service(state(derive(Debug, PartialEq)))]
impl Recorder {
    #[on(start)]
    async fn start(&self) {
        self.log.note("start");
    }

    #[on(stop)]
    async fn stop(&self) {
        self.log.note("stop");
    }

    #[on(connect)]
    async fn connected(&self) -> (Totals, RecorderState) {
        self.log.note("connect");
        (Totals::default(), RecorderState::Queue)
    }

    #[before]
    async fn admit(
        &self,
        totals: &mut Totals,
        request: String,
    ) -> Result<ControlFlow<String, String>, Refused> {
        totals.requests += 1;
        self.log.note(format!("before {request}"));
        match request.as_str() {
            "hi" => Ok(ControlFlow::Break("hello".to_owned())),
            "before fails" => Err(Refused(request)),
            "before panics" => panic!("{request}"),
            "before waits" => {
                let _ = self.gate.acquire().await;
                Ok(ControlFlow::Continue(request))
            }
            _ => Ok(ControlFlow::Continue(request)),
        }
    }

    #[after]
    async fn count(&self, totals: &mut Totals, response: &String) {
        totals.responses += 1;
        self.log.note(format!("after {response}"));
        assert_ne!(response, "after panics");
    }

    /// The first state, without data.
    #[state(start)]
    async fn queue(&self, request: String) -> Result<(String, RecorderState), Refused> {
        self.log.note(format!("queue {request}"));
        match request.as_str() {
            "fail" => Err(Refused(request)),
            "panic" => panic!("{request}"),
            "take" => Ok(("taken".to_owned(), RecorderState::Counter(1, "ticket".to_owned()))),
            "leave" => Ok(("goodbye".to_owned(), RecorderState::Closed)),
            _ => Ok((request, RecorderState::Queue)),
        }
    }

    /// A state with data and time limits.
    #[state(idle = "1h", max_duration = "2h")]
    async fn counter(
        &self,
        peer: &Peer<String, Note>,
        turn: u32,
        ticket: String,
        request: String,
    ) -> Result<RecorderState, Refused> {
        self.log.note(format!("counter {request}"));
        match request.as_str() {
            "fail" => return Err(Refused(request)),
            "wait" => drop(self.gate.acquire().await),
            "work" => self.work(peer.clone()).await?,
            _ => drop(peer.send(format!("{ticket} {turn}: {request}")).await),
        }
        Ok(RecorderState::Counter(turn + 1, ticket))
    }

    /// The return type is an alias, which the compiler resolves.
    #[event(counter)]
    async fn noted(&self, turn: u32, ticket: String, note: Note) -> Result<Next, Refused> {
        match note {
            Note::Said(text) => Ok((text, RecorderState::Counter(turn, ticket))),
            Note::Fails => Err(Refused("on request".to_owned())),
            Note::Panics => panic!("on request"),
        }
    }

    #[on(timeout = counter)]
    async fn timed_out(&self, turn: u32, ticket: String) -> Next {
        (format!("{ticket} {turn}: next, please"), RecorderState::Queue)
    }

    #[on(error)]
    async fn failed(&self, totals: &mut Totals, error: SessionError<Refused>) -> ControlFlow<Reason, String> {
        self.log.note(format!("error after {} requests: {error}", totals.requests));
        ControlFlow::Continue(format!("sorry: {error}"))
    }

    #[on(disconnect)]
    async fn left(&self, totals: Totals, last: Option<RecorderState>, reason: Reason) {
        self.log.note(format!("{totals:?}, {last:?}, {reason}"));
    }

    /// A job that posts an event when it has completed, and waits for capacity in the queue.
    #[blocking]
    fn work(&self, worker: &Worker, peer: Peer<String, Note>) -> Result<(), Refused> {
        peer.post(Note::Said("worked".to_owned())).wait(worker)?.map_err(|error| Refused(error.to_string()))
    }
}

async fn totals() -> (Client<Recorder>, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let client = test::connect(Arc::clone(&recorder)).await.unwrap();
    (client, recorder)
}

/// Waits for the last line of the log, which `on(disconnect)` writes.
async fn end(mut client: Client<Recorder>, recorder: &Recorder) -> String {
    client.ended().await.unwrap();
    client.close().await.unwrap();
    let mut log = recorder.log.take();
    assert_eq!(log.pop().as_deref(), Some("stop"));
    log.pop().unwrap()
}

on_loops! {
    async fn hooks_run_in_order() {
        let (mut client, recorder) = totals().await;
        assert_eq!(client.call("x".to_owned()).await.unwrap(), "x");
        client.half_close();
        client.ended().await.unwrap();
        client.close().await.unwrap();
        let expected = [
            "start",
            "connect",
            "before x",
            "queue x",
            "after x",
            "Totals { requests: 1, responses: 1 }, Some(Queue), closed by the peer",
            "stop",
        ];
        assert_eq!(recorder.log.take(), expected);
    }

    async fn an_answer_by_before_keeps_the_state() {
        let (mut client, recorder) = totals().await;
        assert_eq!(client.call("take".to_owned()).await.unwrap(), "taken");
        assert_eq!(client.call("hi".to_owned()).await.unwrap(), "hello");
        assert_eq!(client.call("y".to_owned()).await.unwrap(), "ticket 1: y", "and data is where it was");
        assert!(recorder.log.take().contains(&"after hello".to_owned()), "an answer is a response");
    }

    async fn after_does_not_see_messages_sent_through_the_peer() {
        let (mut client, recorder) = totals().await;
        client.call("take".to_owned()).await.unwrap();
        client.call("y".to_owned()).await.unwrap();
        assert!(!recorder.log.take().contains(&"after ticket 1: y".to_owned()));
    }

    async fn state_data_moves_in_and_out() {
        let (mut client, _recorder) = totals().await;
        client.call("take".to_owned()).await.unwrap();
        for turn in 1..=3 {
            assert_eq!(client.call("y".to_owned()).await.unwrap(), format!("ticket {turn}: y"));
        }
    }

    async fn closed_ends_the_session_after_its_response() {
        let (mut client, recorder) = totals().await;
        assert!(client.send("leave".to_owned()) && client.send("never".to_owned()));
        assert_eq!(client.next().await.unwrap(), "goodbye");
        assert_eq!(end(client, &recorder).await, "Totals { requests: 1, responses: 1 }, Some(Closed), closed by a handler");
    }

    async fn s1_an_error_in_a_state_without_data_is_answered_and_the_session_continues() {
        let (mut client, _recorder) = totals().await;
        for request in ["fail", "before fails"] {
            assert_eq!(client.call(request.to_owned()).await.unwrap(), format!("sorry: {request}"));
        }
        assert_eq!(client.call("x".to_owned()).await.unwrap(), "x");
    }

    async fn s1_an_error_in_a_state_with_data_is_answered_and_the_session_ends() {
        let (mut client, recorder) = totals().await;
        client.call("take".to_owned()).await.unwrap();
        assert_eq!(client.call("fail".to_owned()).await.unwrap(), "sorry: fail");
        let end = end(client, &recorder).await;
        assert_eq!(end, "Totals { requests: 2, responses: 1 }, None, in state `counter`: failed: fail");
    }

    async fn s1_a_panic_anywhere_ends_the_session_and_on_disconnect_gets_its_value() {
        for (request, requests) in [("panic", 1), ("before panics", 1), ("after panics", 1)] {
            let (mut client, recorder) = totals().await;
            let answer = client.call(request.to_owned()).await.unwrap();
            assert!(answer.starts_with("sorry: "), "{answer}");
            let end = end(client, &recorder).await;
            let expected = format!("Totals {{ requests: {requests}, responses: ");
            assert!(end.starts_with(&expected) && end.contains("None, in state `queue`: panicked"), "{end}");
        }
    }

    async fn s1_an_event_that_fails_or_panics_is_answered_and_ends_the_session() {
        for (note, what) in [(Note::Fails, "failed: on request"), (Note::Panics, "panicked: on request")] {
            let (mut client, recorder) = totals().await;
            client.call("take".to_owned()).await.unwrap();
            client.peer().post(note).await.unwrap();
            assert!(client.next().await.unwrap().starts_with("sorry: "));
            let end = end(client, &recorder).await;
            assert_eq!(end, format!("Totals {{ requests: 1, responses: 1 }}, None, in state `counter`: {what}"));
        }
    }

    async fn s8_a_reset_drops_a_pending_handler_and_reports_its_state() {
        for (first, request, state, requests) in
            [("x", "before waits", "queue", 2), ("take", "before waits", "counter", 2), ("take", "wait", "counter", 2)]
        {
            let (mut client, recorder) = totals().await;
            client.call(first.to_owned()).await.unwrap();
            assert!(client.send(request.to_owned()));
            while !recorder.log.0.lock().unwrap().iter().any(|line| line.ends_with(request)) {
                tokio::task::yield_now().await;
            }
            client.reset();
            let end = end(client, &recorder).await;
            assert_eq!(end, format!("Totals {{ requests: {requests}, responses: 1 }}, None, in state `{state}`: connection reset"));
        }
    }

    async fn s10_on_disconnect_of_a_stopped_idle_session_gets_its_state() {
        let (mut client, recorder) = totals().await;
        client.call("take".to_owned()).await.unwrap();
        client.stop().await.unwrap();
        let log = recorder.log.take();
        assert_eq!(
            log[log.len() - 2..],
            ["Totals { requests: 1, responses: 1 }, Some(Counter(1, \"ticket\")), the server stopped", "stop"]
        );
    }

    async fn events_from_tasks_and_pool_threads_change_the_state() {
        let (mut client, _recorder) = totals().await;
        client.peer().post(Note::Panics).await.unwrap();
        assert_eq!(client.call("take".to_owned()).await.unwrap(), "taken", "passed over in a state that has no handler");
        let peer = client.peer().clone();
        tokio::spawn(async move { peer.post(Note::Said("from a task".to_owned())).await }).await.unwrap().unwrap();
        assert_eq!(client.next().await.unwrap(), "from a task");
        assert_eq!(client.call("work".to_owned()).await.unwrap(), "worked", "a job's completion");
    }

    async fn posting_to_an_ended_session_returns_the_event() {
        let (mut client, recorder) = totals().await;
        let peer = client.peer().clone();
        client.call("leave".to_owned()).await.unwrap();
        end(client, &recorder).await;
        assert!(matches!(peer.post(Note::Fails).await, Err(error) if matches!(error.0, Note::Fails)));
        assert!(peer.try_post(Note::Fails).is_err());
    }
}

#[tokio::test]
async fn a_state_times_out_to_its_next_state() {
    let (mut client, recorder) = totals().await;
    let time = test::pause();
    client.call("take".to_owned()).await.unwrap();
    assert_eq!(client.next().await.unwrap(), "ticket 1: next, please", "after an hour without a request");
    assert!(time.elapsed() >= Duration::from_secs(3600));
    assert_eq!(client.call("x".to_owned()).await.unwrap(), "x", "and it is in line again");
    assert!(recorder.log.take().contains(&"after ticket 1: next, please".to_owned()));
}

/// With a connection value, a peer, generics and a renamed enum.
struct Inventory<T>(T);

#[service(request = u32, response = u32, state(name = Stage, vis = pub(crate), derive(Clone, Debug)))]
impl<T: Clone + Send + Sync + Into<u32> + 'static> Inventory<T> {
    #[on(connect)]
    async fn connected(&self) -> Result<Stage<T>, Infallible> {
        Ok(Stage::Full(self.0.clone()))
    }

    #[state(start)]
    async fn full(&self, item: T, more: u32) -> (u32, Stage<T>) {
        (item.into() + more, Stage::Empty)
    }

    #[state]
    async fn empty(&self, _more: u32) -> (u32, Stage<T>) {
        (0, Stage::Full(self.0.clone()))
    }
}

#[tokio::test]
async fn a_generic_state_service_keeps_its_data() {
    let mut client = test::connect(Inventory(7_u8)).await.unwrap();
    assert_eq!(client.call(1).await.unwrap(), 8);
    assert_eq!(client.call(1).await.unwrap(), 0);
    assert_eq!(client.call(2).await.unwrap(), 9);
    client.close().await.unwrap();
}

/// `#[before]` and `#[after]` with a `#[request]`.
struct Filter(Mutex<Vec<u32>>);

#[service]
impl Filter {
    #[request]
    async fn double(&self, n: u32) -> Result<u32, Panic> {
        Ok(n * 2)
    }

    #[before]
    async fn even(&self, n: u32) -> ControlFlow<u32, u32> {
        if n.is_multiple_of(2) { ControlFlow::Continue(n + 10) } else { ControlFlow::Break(0) }
    }

    #[after]
    async fn keep(&self, doubled: &u32) {
        self.0.lock().unwrap().push(*doubled);
    }
}

#[tokio::test]
async fn before_and_after_run_around_a_request() {
    let keeper = Arc::new(Filter(Mutex::default()));
    let mut client = test::connect(Arc::clone(&keeper)).await.unwrap();
    assert_eq!(client.call(2).await.unwrap(), 24);
    assert_eq!(client.call(3).await.unwrap(), 0);
    client.close().await.unwrap();
    assert_eq!(*keeper.0.lock().unwrap(), [24, 0]);
}

/// A client that chooses how long it may be silent, as MQTT's keep-alive.
struct KeepAlive {
    log: Log,
    longest: Option<Duration>,
}

/// Not `Copy`: the limit must not move it.
struct Online {
    patience: Option<Duration>,
    name: String,
}

#[service(response = String)]
impl KeepAlive {
    #[state(start, idle = "10s")]
    async fn connecting(&self, peer: &Peer<String, String>, line: String) -> (String, KeepAliveState) {
        self.log.note(format!("peer {}", peer.id() > 0));
        let (name, patience) = line.split_once(' ').unwrap_or((&line, "0"));
        let patience =
            Some(Duration::from_secs(patience.parse().unwrap())).filter(|patience| !patience.is_zero());
        ("connected".into(), KeepAliveState::Online(Online { patience, name: name.into() }))
    }

    #[state(idle = online.patience, max_duration = self.longest)]
    async fn online(&self, mut online: Online, line: String) -> (Option<String>, KeepAliveState) {
        if let Some(seconds) = line.strip_prefix("patience ") {
            online.patience = Some(Duration::from_secs(seconds.parse().unwrap()));
        }
        match &*line {
            "panic" => (Some(line), KeepAliveState::Broken(Duration::from_secs(1))),
            "ping" => (Some("pong".into()), KeepAliveState::Online(online)),
            _ => (None, KeepAliveState::Online(online)),
        }
    }

    #[event(online)]
    async fn posted(&self, online: Online, event: String) -> (String, KeepAliveState) {
        (event, KeepAliveState::Online(online))
    }

    #[on(timeout = online)]
    async fn silent(&self, online: Online) -> (String, KeepAliveState) {
        (format!("{} was silent", online.name), KeepAliveState::Closed)
    }

    #[state(idle = Duration::from_secs(limit.as_secs().checked_sub(2).expect("too short")))]
    async fn broken(&self, limit: Duration, _line: String) -> KeepAliveState {
        KeepAliveState::Broken(limit)
    }
}

async fn keep_alive(longest: Option<u64>) -> Client<KeepAlive> {
    let longest = longest.map(Duration::from_secs);
    test::connect(KeepAlive { log: Log::default(), longest }).await.unwrap()
}

#[tokio::test]
async fn s20_a_state_ends_after_the_time_in_its_data() {
    for seconds in [2_u64, 60, 3600] {
        let mut client = keep_alive(None).await;
        let time = test::pause();
        client.call(format!("ann {seconds}")).await.unwrap();
        let limit = Duration::from_secs(seconds);
        for _ in 0..3 {
            time.advance(limit - Duration::from_millis(10)).await;
            assert_eq!(client.call("ping".into()).await.unwrap(), "pong", "each request restarts the limit");
        }
        let silent = time.elapsed();
        assert_eq!(client.next().await.unwrap(), "ann was silent");
        let silence = time.elapsed() - silent;
        assert!(silence >= limit && silence <= limit + limit / 8 + Duration::from_millis(500), "{silence:?}");
        assert_eq!(client.ended().await.unwrap(), Reason::Closed(By::Handler));
    }
}

#[tokio::test]
async fn s20_an_event_does_not_restart_the_limit_and_a_request_may_change_it() {
    let mut client = keep_alive(None).await;
    let time = test::pause();
    client.call("ann 10".into()).await.unwrap();
    time.advance(Duration::from_secs(9)).await;
    client.peer().post("news".to_owned()).await.unwrap();
    assert_eq!(client.next().await.unwrap(), "news");
    client.send("patience 1000".into());
    time.advance(Duration::from_secs(900)).await;
    assert_eq!(client.call("ping".into()).await.unwrap(), "pong");
    let before = time.elapsed();
    assert_eq!(client.next().await.unwrap(), "ann was silent");
    assert!(time.elapsed() - before >= Duration::from_secs(1000));
}

#[tokio::test]
async fn s20_no_limit_in_the_data_is_none() {
    let mut client = keep_alive(None).await;
    let time = test::pause();
    client.call("ann 0".into()).await.unwrap();
    time.advance(Duration::from_secs(1_000_000)).await;
    assert_eq!(client.call("ping".into()).await.unwrap(), "pong");
}

#[tokio::test]
async fn s20_a_limit_of_the_service_counts_from_entering_the_state() {
    let mut client = keep_alive(Some(5)).await;
    let time = test::pause();
    client.call("ann 4".into()).await.unwrap();
    time.advance(Duration::from_secs(3)).await;
    assert_eq!(client.call("ping".into()).await.unwrap(), "pong");
    assert_eq!(client.next().await.unwrap(), "ann was silent");
    assert!(time.elapsed() < Duration::from_secs(7), "{:?}", time.elapsed());
}

#[tokio::test]
async fn s20_a_panic_in_a_limit_ends_its_session() {
    let mut client = keep_alive(None).await;
    client.call("ann 9".into()).await.unwrap();
    client.send("panic".into());
    let reason = client.ended().await.unwrap();
    assert!(matches!(reason.cause(), Reason::Panicked(_)), "{reason:?}");
    let mut other = client.connect_another().await.unwrap();
    assert_eq!(other.call("bob".into()).await.unwrap(), "connected");
}

/// Echoes requests and events, and ends after ten seconds without either.
struct Radio;

#[service]
impl Radio {
    #[state(start, idle = "10s", events_restart_idle)]
    async fn listening(&self, _peer: &Peer<String, String>, line: String) -> (String, RadioState) {
        (line, RadioState::Listening)
    }

    #[event(listening)]
    async fn heard(&self, event: String) -> (String, RadioState) {
        (event, RadioState::Listening)
    }
}

#[tokio::test]
async fn s20_an_event_restarts_the_limit_of_a_state_that_says_so() {
    let mut client = test::connect(Radio).await.unwrap();
    let time = test::pause();
    assert_eq!(client.call("on".into()).await.unwrap(), "on");
    for _ in 0..5 {
        time.advance(Duration::from_secs(9)).await;
        client.peer().post("news".to_owned()).await.unwrap();
        assert_eq!(client.next().await.unwrap(), "news");
    }
    let before = time.elapsed();
    assert_eq!(client.ended().await.unwrap(), Reason::Timeout(portcullis::Limit::Idle));
    assert!(time.elapsed() - before >= Duration::from_secs(10));
}

/// Responds with the requests that were received together.
struct Together;

#[service]
impl Together {
    #[session]
    async fn collect(&self, session: &mut Session<u8, Vec<u8>>) -> Result<(), SessionError> {
        let mut batch = vec![session.next().await?];
        while let Ok(request) = session.next_timeout(Duration::ZERO).await {
            batch.push(request);
        }
        session.send(batch).await
    }
}

#[tokio::test]
async fn s21_a_limit_of_zero_takes_no_time() {
    let mut client = test::connect(Together).await.unwrap();
    let time = test::pause();
    for request in 0..100 {
        assert_eq!(client.call(request).await.unwrap(), [request]);
    }
    // A timer of tokio would end at the next millisecond.
    assert_eq!(time.elapsed(), Duration::ZERO);
}

/// Sends the news, and ends after ten seconds without any.
struct Feed;

#[service(request = String)]
impl Feed {
    #[state(start, events_only, idle = "10s")]
    async fn listening(&self, news: String) -> (String, FeedState) {
        (news, FeedState::Listening)
    }

    #[on(timeout = listening)]
    async fn quiet(&self) -> (String, FeedState) {
        ("no news".into(), FeedState::Closed)
    }
}

#[tokio::test]
async fn s27_a_client_that_only_listens_stays_while_there_are_events() {
    let mut client = test::connect(Feed).await.unwrap();
    let time = test::pause();
    // Longer than a client may take until its first request.
    for _ in 0..20 {
        time.advance(Duration::from_secs(9)).await;
        client.peer().post("news".to_owned()).await.unwrap();
        assert_eq!(client.next().await.unwrap(), "news");
    }
    client.send("is not read".into());
    assert_eq!(client.next().await.unwrap(), "no news");
    assert_eq!(client.ended().await.unwrap(), Reason::Closed(By::Handler));
}
