//! The order of the hooks of a service, and the consequences of an error, a panic and a
//! cancellation in each of them, over real sockets.

#![forbid(unsafe_code)]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use portcullis::codec::{Codec, DecodeError, EncodeError};
use portcullis::prelude::*;
use portcullis::{Client, RunningServer};
use portcullis_tests::{Gate, LIMIT, OpenOnDrop, on_loops, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The methods of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Start,
    Connect,
    Before,
    Handler,
    After,
    Event,
    Timeout,
    Error,
    Disconnect,
    Stop,
}

use At::{After, Before, Connect, Disconnect, Error, Event, Handler, Start, Stop, Timeout};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Fail,
    Panic,
    Hang,
}

/// Records the methods that run. Each fails once, in the way and place that the plan names.
#[derive(Default)]
struct Traced {
    plan: Mutex<Option<(At, Act)>>,
    trace: Mutex<Vec<At>>,
    peers: Mutex<Vec<Peer<String, u32>>>,
    ended: Mutex<Vec<Ended>>,
    hanging: Gate,
    dropped: Arc<Gate>,
}

/// The methods that had the connection value, whether the hanging hook had been dropped by then,
/// the last state and the reason.
type Ended = (Vec<At>, bool, Option<TracedState>, Reason);

impl Traced {
    async fn pass(&self, at: At) -> Result<(), String> {
        self.trace.lock().unwrap().push(at);
        let act = {
            let mut plan = self.plan.lock().unwrap();
            plan.take_if(|(planned, _)| *planned == at).map(|(_, act)| act)
        };
        match act {
            None => Ok(()),
            Some(Act::Fail) => Err(format!("{at:?} failed")),
            Some(Act::Panic) => panic!("{at:?} panicked"),
            Some(Act::Hang) => {
                let _guard = OpenOnDrop(self.dropped.clone());
                self.hanging.open();
                std::future::pending().await
            }
        }
    }
}

#[service(state(derive(Debug, PartialEq)))]
impl Traced {
    #[on(start)]
    async fn start(&self) -> Result<(), String> {
        self.pass(Start).await
    }

    #[on(connect)]
    async fn connected(&self, peer: &Peer<String, u32>) -> Result<Vec<At>, String> {
        self.peers.lock().unwrap().push(peer.clone());
        self.pass(Connect).await?;
        Ok(vec![Connect])
    }

    #[before]
    async fn before(&self, been: &mut Vec<At>, line: String) -> Result<ControlFlow<String, String>, String> {
        been.push(Before);
        self.pass(Before).await?;
        Ok(match line.as_str() {
            "halt" => ControlFlow::Break("no further".to_owned()),
            _ => ControlFlow::Continue(line.to_uppercase()),
        })
    }

    #[state(start)]
    async fn calm(&self, been: &mut Vec<At>, line: String) -> Result<(String, TracedState), String> {
        been.push(Handler);
        self.pass(Handler).await?;
        Ok(match line.as_str() {
            "NAP" => (line, TracedState::Napping),
            "MUTE" => (line, TracedState::Muted),
            _ => (line, TracedState::Calm),
        })
    }

    #[state]
    async fn muted(&self, been: &mut Vec<At>, _line: String) -> TracedState {
        been.push(Handler);
        self.trace.lock().unwrap().push(Handler);
        TracedState::Calm
    }

    #[state(idle = "20ms")]
    async fn napping(&self, been: &mut Vec<At>, _line: String) -> TracedState {
        been.push(Handler);
        TracedState::Calm
    }

    #[on(timeout = napping)]
    async fn woken(&self, been: &mut Vec<At>) -> Result<(String, TracedState), String> {
        been.push(Timeout);
        self.pass(Timeout).await?;
        Ok(("woken".to_owned(), TracedState::Calm))
    }

    #[event(calm)]
    async fn announced(&self, been: &mut Vec<At>, number: u32) -> Result<(String, TracedState), String> {
        been.push(Event);
        self.pass(Event).await?;
        Ok((number.to_string(), TracedState::Calm))
    }

    #[after]
    async fn after(&self, been: &mut Vec<At>, _response: &String) -> Result<(), String> {
        been.push(After);
        self.pass(After).await
    }

    #[on(error)]
    async fn failed(&self, been: &mut Vec<At>, error: SessionError<String>) -> ControlFlow<Reason, String> {
        been.push(Error);
        match self.pass(Error).await {
            Ok(()) => ControlFlow::Continue(format!("sorry: {error}")),
            Err(text) => ControlFlow::Break(Reason::Failed(text)),
        }
    }

    #[on(disconnect)]
    async fn disconnected(&self, been: Vec<At>, last: Option<TracedState>, reason: Reason) {
        self.ended.lock().unwrap().push((been, self.dropped.is_open(), last, reason));
        let _ = self.pass(Disconnect).await;
    }

    #[on(stop)]
    async fn stopped(&self) {
        let _ = self.pass(Stop).await;
    }
}

struct TestServer {
    service: Arc<Traced>,
    server: RunningServer,
}

impl TestServer {
    async fn start(plan: Option<(At, Act)>) -> Self {
        let service = Arc::new(Traced { plan: Mutex::new(plan), ..Traced::default() });
        let server = Server::new(service.clone()).codec(Lines::new()).grace(Duration::from_millis(50));
        let server = server.bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
        Self { service, server }
    }

    async fn client(&self) -> TestClient {
        TestClient(Client::connect(self.server.local_addr(), Lines::new()).await.unwrap())
    }

    /// Drives the session to `at` for the first time, and reads the responses before it.
    async fn reach(&self, at: At) -> TestClient {
        let mut client = self.client().await;
        match at {
            Event => {
                assert_eq!(client.call("hello").await, "HELLO");
                let peer = self.service.peers.lock().unwrap()[0].clone();
                peer.post(7).await.unwrap();
            }
            Timeout => assert_eq!(client.call("nap").await, "NAP"),
            _ => client.send_line("hello").await,
        }
        client
    }

    /// As [`reach`](Self::reach), with a peer that resets the connection once the hook is pending.
    async fn reset_in(&self, at: At) {
        let mut stream = TcpStream::connect(self.server.local_addr()).await.unwrap();
        match at {
            Timeout => stream.write_all(b"nap\n").await.unwrap(),
            _ => stream.write_all(b"hello\n").await.unwrap(),
        }
        if at == Event {
            assert_eq!(timeout(LIMIT, stream.read_u8()).await.unwrap().unwrap(), b'H');
            let peer = self.service.peers.lock().unwrap()[0].clone();
            peer.post(7).await.unwrap();
        }
        wait(|| self.service.hanging.is_open()).await;
        stream.set_zero_linger().unwrap();
    }

    async fn ended(&self) -> Ended {
        wait(|| !self.service.ended.lock().unwrap().is_empty()).await;
        self.service.ended.lock().unwrap().remove(0)
    }

    fn trace(&self) -> Vec<At> {
        self.service.trace.lock().unwrap().clone()
    }

    /// A failure in one session does not affect others.
    async fn assert_serves(&self) {
        assert_eq!(self.client().await.call("still here").await, "STILL HERE");
    }

    async fn stop(self) -> (portcullis::StopReport, Arc<Traced>) {
        (timeout(LIMIT, self.server.stop()).await.expect("in time").unwrap(), self.service)
    }

    /// As [`stop`](Self::stop), with time for sessions that are about to end: the grace of this
    /// server is shorter than their end may take on a loaded machine.
    async fn stop_when_sessions_have_ended(mut self) -> (portcullis::StopReport, Arc<Traced>) {
        self.server.handle().stop_within(LIMIT);
        (timeout(LIMIT, self.server.join()).await.expect("in time").unwrap(), self.service)
    }
}

struct TestClient(Client<String, String, Lines>);

impl TestClient {
    async fn call(&mut self, line: &str) -> String {
        timeout(LIMIT, self.0.call(line.to_owned())).await.expect("in time").expect("an answer")
    }

    async fn send_line(&mut self, line: &str) {
        timeout(LIMIT, self.0.send(line.to_owned())).await.expect("in time").expect("sent");
        timeout(LIMIT, self.0.flush()).await.expect("in time").expect("written");
    }

    /// The next line, or `None` at a regular end of the stream.
    async fn next(&mut self) -> Option<String> {
        timeout(LIMIT, self.0.next()).await.expect("in time").expect("a proper end")
    }
}

/// The methods that run with a state, and that state.
const WITH_STATE: [(At, &str); 5] =
    [(Before, "calm"), (Handler, "calm"), (After, "calm"), (Event, "calm"), (Timeout, "napping")];

fn while_in(state: &'static str, reason: Reason) -> Reason {
    Reason::InState { state, reason: Box::new(reason) }
}

on_loops! {
    async fn hooks_run_in_session_order() {
        let served = TestServer::start(None).await;
        let mut client = served.client().await;
        assert_eq!(client.call("hello").await, "HELLO");
        // Answered by `before`, without the handler.
        assert_eq!(client.call("halt").await, "no further");
        let peer = served.service.peers.lock().unwrap()[0].clone();
        peer.post(7).await.unwrap();
        assert_eq!(client.next().await.unwrap(), "7");
        // Sent through the peer: no hook sees it.
        peer.send("by the way".to_owned()).await.unwrap();
        assert_eq!(client.next().await.unwrap(), "by the way");
        assert_eq!(client.call("nap").await, "NAP");
        assert_eq!(client.next().await.unwrap(), "woken");
        // A handler without a response is not followed by `after`.
        assert_eq!(client.call("mute").await, "MUTE");
        client.send_line("unheard").await;
        assert_eq!(client.call("hello").await, "HELLO");
        drop(client);
        served.ended().await;
        let (report, service) = served.stop_when_sessions_have_ended().await;
        assert!(report.is_clean(), "{report}");
        let session = [
            [Before, Handler, After].as_slice(), // hello
            &[Before, After],                    // halt
            &[Event, After],
            &[Before, Handler, After], // nap
            &[Timeout, After],
            &[Before, Handler, After], // mute
            &[Before, Handler],        // unheard
            &[Before, Handler, After], // hello
        ]
        .concat();
        let all = [[Start, Connect].as_slice(), &session, &[Disconnect, Stop]].concat();
        assert_eq!(*service.trace.lock().unwrap(), all);
    }

    async fn before_keeps_the_state_when_it_answers() {
        let served = TestServer::start(None).await;
        let mut client = served.client().await;
        assert_eq!(client.call("mute").await, "MUTE");
        assert_eq!(client.call("halt").await, "no further");
        drop(client);
        let (_, _, last, reason) = served.ended().await;
        assert_eq!((last, reason), (Some(TracedState::Muted), Reason::PeerClosed));
    }

    async fn every_hook_borrows_the_connection_value_and_disconnect_takes_it() {
        let served = TestServer::start(None).await;
        let mut client = served.client().await;
        client.call("hello").await;
        client.call("halt").await;
        drop(client);
        let (been, ..) = served.ended().await;
        assert_eq!(been, [Connect, Before, Handler, After, Before, After]);
    }

    async fn s1_an_error_in_any_hook_is_answered_by_on_error_and_the_session_continues() {
        for (at, _) in WITH_STATE {
            let served = TestServer::start(Some((at, Act::Fail))).await;
            let mut client = served.reach(at).await;
            assert_eq!(client.next().await, Some(format!("sorry: {at:?} failed")), "{at:?}");
            // `after` does not see that response.
            let trace = served.trace();
            let error = trace.iter().position(|at| *at == Error).expect("the hook has run");
            assert_ne!(trace.get(error + 1), Some(&After), "{at:?}");
            if at == Timeout {
                assert_eq!(client.next().await.unwrap(), "woken");
            } else {
                assert_eq!(client.call("hello").await, "HELLO", "{at:?}");
            }
            drop(client);
            assert_eq!(served.ended().await.3, Reason::PeerClosed, "{at:?}");
        }
    }

    async fn s1_a_panic_in_any_hook_is_answered_by_on_error_and_ends_only_that_session() {
        for (at, state) in WITH_STATE {
            let served = TestServer::start(Some((at, Act::Panic))).await;
            let mut client = served.reach(at).await;
            assert_eq!(client.next().await, Some(format!("sorry: panicked: {at:?} panicked")), "{at:?}");
            assert_eq!(client.next().await, None, "{at:?}");
            let (been, _, last, reason) = served.ended().await;
            assert_eq!((last, reason), (None, while_in(state, Reason::Panicked(format!("{at:?} panicked")))));
            // The connection value as the failing hook left it.
            assert_eq!(been[been.len() - 2..], [at, Error]);
            assert_eq!(served.trace().last(), Some(&Disconnect));
            served.assert_serves().await;
        }
    }

    async fn s8_a_reset_drops_any_pending_hook_before_on_disconnect() {
        for (at, state) in WITH_STATE {
            let served = TestServer::start(Some((at, Act::Hang))).await;
            served.reset_in(at).await;
            let (been, dropped, last, reason) = served.ended().await;
            assert_eq!((dropped, last, reason), (true, None, while_in(state, Reason::Reset)), "{at:?}");
            assert_eq!(been.last(), Some(&at));
            served.assert_serves().await;
        }
    }

    async fn s5_a_stop_drops_any_pending_hook_after_the_grace_before_on_disconnect() {
        for (at, state) in WITH_STATE {
            let served = TestServer::start(Some((at, Act::Hang))).await;
            let _guest = served.reach(at).await;
            wait(|| served.service.hanging.is_open()).await;
            let (report, service) = served.stop().await;
            assert_eq!((report.sessions_cancelled, report.sessions_stuck), (1, 0), "{at:?}");
            let (_, dropped, last, reason) = service.ended.lock().unwrap().remove(0);
            assert_eq!((dropped, last, reason), (true, None, while_in(state, Reason::Stopped)), "{at:?}");
            assert!(service.trace.lock().unwrap().ends_with(&[Disconnect, Stop]), "{at:?}");
        }
    }

    async fn on_disconnect_does_not_run_if_on_connect_fails_panics_or_is_dropped() {
        for act in [Act::Fail, Act::Panic, Act::Hang] {
            let served = TestServer::start(Some((Connect, act))).await;
            if act == Act::Hang {
                served.reset_in(Connect).await;
                wait(|| served.service.dropped.is_open()).await;
            } else {
                assert_eq!(served.client().await.next().await, None, "{act:?}");
            }
            let refused = served.service.peers.lock().unwrap()[0].clone();
            wait(|| refused.is_closed()).await;
            assert_eq!(served.trace(), [Start, Connect], "{act:?}");
            served.assert_serves().await;
        }
    }

    async fn on_disconnect_runs_if_on_error_ends_the_session_panics_or_is_dropped() {
        for (act, why) in [
            (Act::Fail, Reason::Failed("Error failed".to_owned())),
            (Act::Panic, Reason::Panicked("Error panicked".to_owned())),
            (Act::Hang, Reason::Reset),
        ] {
            let served = TestServer::start(Some((Error, act))).await;
            // A recoverable codec: the malformed line is an error, and the session keeps its state.
            let mut stream = TcpStream::connect(served.server.local_addr()).await.unwrap();
            stream.write_all(b"\xff\n").await.unwrap();
            if act == Act::Hang {
                wait(|| served.service.hanging.is_open()).await;
                stream.set_zero_linger().unwrap();
            }
            let stream = (act != Act::Hang).then_some(stream);
            let (been, _, last, reason) = served.ended().await;
            assert_eq!((last, reason), (Some(TracedState::Calm), why), "{act:?}");
            assert_eq!(been, [Connect, Error], "{act:?}");
            drop(stream);
            served.assert_serves().await;
        }
    }

    async fn a_panic_in_on_disconnect_affects_only_its_session() {
        let served = TestServer::start(Some((Disconnect, Act::Panic))).await;
        assert_eq!(served.client().await.call("hello").await, "HELLO");
        served.ended().await;
        served.assert_serves().await;
        served.ended().await;
        let (report, service) = served.stop_when_sessions_have_ended().await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(service.trace.lock().unwrap().last(), Some(&Stop));
    }

    async fn on_disconnect_is_dropped_by_the_end_of_the_grace_not_by_its_peer() {
        let served = TestServer::start(Some((Disconnect, Act::Hang))).await;
        let mut stream = TcpStream::connect(served.server.local_addr()).await.unwrap();
        stream.write_all(b"hello\n").await.unwrap();
        assert_eq!(timeout(LIMIT, stream.read_u8()).await.unwrap().unwrap(), b'H');
        let peer = served.service.peers.lock().unwrap()[0].clone();
        peer.close();
        wait(|| served.service.hanging.is_open()).await;
        stream.set_zero_linger().unwrap();
        drop(stream);
        // Long enough for the session to notice the reset.
        for _ in 0..20 {
            served.assert_serves().await;
        }
        assert!(!served.service.dropped.is_open());
        let (report, service) = served.stop().await;
        assert_eq!((report.sessions_cancelled, report.sessions_stuck), (1, 0), "{report}");
        assert!(service.dropped.is_open());
        assert_eq!(service.trace.lock().unwrap().last(), Some(&Stop));
    }

    async fn serving_fails_with_the_error_or_panic_of_on_start() {
        for (act, why) in [(Act::Fail, "Start failed"), (Act::Panic, "Start panicked")] {
            let service = Arc::new(Traced { plan: Mutex::new(Some((Start, act))), ..Traced::default() });
            let server = Server::new(service.clone()).codec(Lines::new()).bind("127.0.0.1:0").unwrap();
            let error: io::Error = timeout(LIMIT, server.serve()).await.expect("in time").unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert_eq!(*service.trace.lock().unwrap(), [Start], "{act:?}");
        }
    }

    async fn a_stop_drops_a_pending_on_start() {
        let service = Arc::new(Traced { plan: Mutex::new(Some((Start, Act::Hang))), ..Traced::default() });
        let server = Server::new(service.clone()).codec(Lines::new()).bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let serving = tokio::spawn(server.serve());
        wait(|| service.hanging.is_open()).await;
        handle.stop();
        let error = timeout(LIMIT, serving).await.expect("in time").unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
        assert!(service.dropped.is_open());
    }

    async fn a_panicking_or_hanging_on_stop_does_not_block_the_stop() {
        for (act, unfinished) in [(Act::Panic, 0), (Act::Hang, 1)] {
            let served = TestServer::start(Some((Stop, act))).await;
            let (report, service) = served.stop().await;
            assert_eq!(report.unfinished, unfinished, "{report}");
            assert_eq!(service.dropped.is_open(), act == Act::Hang);
            assert_eq!(*service.trace.lock().unwrap(), [Start, Stop], "{act:?}");
        }
    }
}

/// The error of a codec that the user has written.
#[derive(Debug)]
struct WrongVersion(u8);

impl std::fmt::Display for WrongVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "version {}", self.0)
    }
}

impl std::error::Error for WrongVersion {}

/// One byte is one message, up to 9.
#[derive(Clone)]
struct Versions;

impl Codec<u8, u8> for Versions {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<u8>, DecodeError> {
        if input.is_empty() {
            return Ok(None);
        }
        match input.split_to(1)[0] {
            version @ ..=9 => Ok(Some(version)),
            version => Err(DecodeError::new(WrongVersion(version)).recoverable()),
        }
    }

    fn encode(&mut self, byte: u8, output: &mut BytesMut) -> Result<(), EncodeError> {
        output.extend([byte]);
        Ok(())
    }
}

struct Versioned;

#[service]
impl Versioned {
    #[request]
    async fn echo(&self, version: u8) -> u8 {
        version
    }

    /// Sees the error that the codec has made, and responds with the version minus ten.
    #[on(error)]
    async fn failed(&self, error: SessionError) -> ControlFlow<Reason, u8> {
        match &error {
            SessionError::Decode(error) => {
                ControlFlow::Continue(error.downcast_ref::<WrongVersion>().unwrap().0 - 10)
            }
            _ => ControlFlow::Break(Reason::from_error(&error)),
        }
    }
}

on_loops! {
    async fn s3_the_error_hook_sees_the_error_of_the_codec() {
        let server = Server::new(Versioned).codec(Versions).bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
        let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
        stream.write_all(&[5, 17, 6]).await.unwrap();
        let mut back = [0; 3];
        timeout(LIMIT, stream.read_exact(&mut back)).await.expect("in time").unwrap();
        assert_eq!(back, [5, 7, 6]);
        server.stop().await.unwrap();
    }
}
