//! Sessions that the service ends, on every kind of stream.

use std::collections::BTreeSet;

use portcullis::AnyPeer;
use tokio::io::{DuplexStream, duplex};

use super::*;

impl TestService {
    /// The peer that connected last.
    fn last_peer(&self) -> Peer<String> {
        self.peers.lock().unwrap().last().unwrap().clone()
    }
}

/// Returns when the session has ended and its hook has run.
async fn ended(peer: &Peer<String>) {
    timeout(LIMIT, peer.ended()).await.expect("in time");
}

/// The response of `big`, which no kernel takes at once.
const BIG: &str = "big 16000000\n";

on_streams! {
    async fn s13_abort_does_not_wait_for_a_peer_that_does_not_read(kind) {
        let service = Arc::new(TestService::default());
        // Without `abort`, the session would end after this, later than any `LIMIT`.
        let server = serve(kind, service.server().write_timeout(3 * LIMIT)).await;
        for close_first in [false, true] {
            let mut stream = server.connect().await;
            let count = service.asked.load(SeqCst) + 1;
            stream.send(BIG).await;
            wait(|| service.asked.load(SeqCst) == count).await;
            let peer = service.last_peer();
            if close_first {
                peer.close();
            }
            peer.abort();
            ended(&peer).await;
            let by = if close_first { By::Close } else { By::Abort };
            assert_eq!(service.end(count).await, Reason::Closed(by));
            assert!(peer.is_closed());
        }
        server.still_echoes().await;
        server.stop().await;
    }

    async fn s13_abort_drops_a_handler_that_waits(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server()).await;
        let mut stream = server.connect().await;
        stream.send("hold\n").await;
        service.holds(1).await;
        let peer = service.last_peer();
        peer.abort();
        ended(&peer).await;
        assert_eq!((service.end(1).await, service.dropped.load(SeqCst)), (Reason::Closed(By::Abort), 1));
        // The client sees the end at once, too.
        let _ = timeout(LIMIT, stream.read(&mut [0; 16])).await.expect("in time");
        server.stop().await;
    }

    async fn s13_abort_ends_an_idle_session(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server()).await;
        let mut stream = server.connect().await;
        assert_eq!(stream.call("x").await, "x");
        let peer = service.last_peer();
        let waiting = tokio::spawn(peer.ended());
        peer.abort();
        timeout(LIMIT, waiting).await.expect("in time").expect("no panic");
        assert_eq!(service.end(1).await, Reason::Closed(By::Abort));
        // Without `close_notify`, because the peer need not read: TLS reports that as an error.
        let read = timeout(LIMIT, stream.read(&mut [0; 16])).await.expect("in time");
        assert_eq!(read.unwrap_or(0), 0);
        server.stop().await;
    }

    async fn s14_the_session_ends_with_the_reason_of_the_first_close(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server()).await;
        let expired = Reason::Failed("the token has expired".to_owned());
        for abort in [false, true] {
            let mut stream = server.connect().await;
            assert_eq!(stream.call("x").await, "x");
            let peer = service.last_peer();
            peer.try_send("bye".to_owned()).unwrap();
            peer.close_with(expired.clone());
            if abort {
                peer.abort();
            } else {
                peer.close_with(Reason::Overload);
                assert_eq!(stream.read_remaining().await, b"bye\n");
            }
            ended(&peer).await;
            assert_eq!(service.end(1 + usize::from(abort)).await, expired);
        }
        server.stop().await;
    }

    async fn s14_a_busy_session_ends_with_the_reason_that_it_was_closed_with(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server()).await;
        let mut stream = server.connect().await;
        stream.send("hold\nnever\n").await;
        service.holds(1).await;
        let peer = service.last_peer();
        let expired = Reason::Failed("the token has expired".to_owned());
        peer.close_with(expired.clone());
        service.release.0.add_permits(1);
        assert_eq!(stream.read_remaining().await, b"held\n");
        assert_eq!(service.end(1).await, expired);
        server.stop().await;
    }

    async fn s5_a_handler_that_waits_sees_the_stop(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server().grace(2 * LIMIT)).await;
        let mut stream = server.connect().await;
        stream.send("wait\n").await;
        service.holds(1).await;
        let (report, line) = tokio::join!(server.stop(), stream.line());
        assert_eq!(line, "the server stops");
        assert!(report.is_clean() && report.took < LIMIT, "{report}");
    }
}

on_streams! {
    async fn s17_the_server_lists_its_sessions_and_can_end_each(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server()).await;
        let mut streams = [server.connect().await, server.connect().await, server.connect().await];
        for stream in &mut streams {
            assert_eq!(stream.call("x").await, "x");
        }
        let ids = |peers: Vec<AnyPeer>| peers.iter().map(AnyPeer::id).collect::<BTreeSet<_>>();
        let of_service = |peers: &[Peer<String>]| peers.iter().map(Peer::id).collect::<BTreeSet<_>>();
        let connected = service.peers.lock().unwrap().clone();
        let peers = server.handle.peers();
        let is_ip = matches!(kind, Kind::Tcp | Kind::Tls);
        assert!(peers.iter().all(|peer| peer.addr().is_some() == is_ip), "{peers:?}");
        assert!(peers.iter().all(|peer| peer.credentials().is_some() != is_ip), "{peers:?}");
        assert_eq!(ids(peers.clone()), of_service(&connected));
        let find = |id| peers.iter().find(|peer| peer.id() == id).unwrap();
        find(connected[0].id()).abort();
        find(connected[1].id()).close_with(Reason::Overload);
        for peer in &connected[..2] {
            ended(peer).await;
            assert!(find(peer.id()).is_closed());
        }
        let reasons = service.ended.lock().unwrap().clone();
        assert!(reasons.contains(&Reason::Closed(By::Abort)) && reasons.contains(&Reason::Overload), "{reasons:?}");
        assert_eq!(ids(server.handle.peers()), of_service(&connected[2..]));
        let handle = server.handle.clone();
        server.stop().await;
        assert!(handle.peers().is_empty());
    }
}

/// Has two states, and waits in the second one when a request asks for it.
#[derive(Default)]
struct Doors {
    holding: AtomicUsize,
    release: Held,
}

#[service]
impl Doors {
    #[state(start)]
    async fn locked(&self, key: String) -> (String, DoorsState) {
        (key, DoorsState::Open(1))
    }

    #[state]
    async fn open(&self, count: u32, line: String) -> (String, DoorsState) {
        if line == "hold" {
            self.holding.fetch_add(1, SeqCst);
            self.release.0.acquire().await.unwrap().forget();
        }
        if line == "lock" { (line, DoorsState::Locked) } else { (line, DoorsState::Open(count + 1)) }
    }
}

on_streams! {
    async fn s17_a_listed_session_names_its_state(kind) {
        let doors = Arc::new(Doors::default());
        let server = Server::new(Arc::clone(&doors)).codec(Lines::new()).idle_timeout(LIMIT);
        let server = serve(kind, server).await;
        let state = || server.handle.peers().first().and_then(AnyPeer::state_name);
        let mut stream = server.connect().await;
        // Before the first request, which this waits for.
        wait(|| state() == Some("locked")).await;
        assert_eq!(stream.call("key").await, "key");
        assert_eq!(state(), Some("open"));
        assert_eq!(stream.call("stay").await, "stay");
        assert_eq!(state(), Some("open"));
        stream.send("hold\n").await;
        wait(|| doors.holding.load(SeqCst) == 1).await;
        assert_eq!(state(), Some("open"));
        doors.release.0.add_permits(1);
        assert_eq!(stream.line().await, "hold");
        assert_eq!(stream.call("lock").await, "lock");
        assert_eq!(state(), Some("locked"));
        server.stop().await;
    }

    async fn s17_a_session_of_a_service_without_states_has_no_state_name(kind) {
        let server = serve(kind, Arc::new(TestService::default()).server()).await;
        let mut stream = server.connect().await;
        assert_eq!(stream.call("x").await, "x");
        let peers = server.handle.peers();
        assert_eq!((peers.len(), peers[0].state_name()), (1, None));
        server.stop().await;
    }
}

/// Serves one session in memory. The pipe takes 1 KiB that is not read.
fn serve_pipe(service: &Arc<TestService>) -> (DuplexStream, ServerHandle, ServeTask) {
    let (near, far) = duplex(1024);
    let server = service.server().write_timeout(3 * LIMIT).grace(2 * LIMIT);
    let handle = server.handle();
    (near, handle, tokio::spawn(server.serve_stream(far)))
}

on_loops! {
    async fn s13_abort_in_memory() {
        for (line, dropped) in [("hold\n", 1), (BIG, 0)] {
            let service = Arc::new(TestService::default());
            let (mut near, _, serving) = serve_pipe(&service);
            near.write_all(line.as_bytes()).await.unwrap();
            wait(|| service.asked.load(SeqCst) == 1).await;
            let peer = service.last_peer();
            peer.abort();
            ended(&peer).await;
            assert_eq!((service.end(1).await, service.dropped.load(SeqCst)), (Reason::Closed(By::Abort), dropped));
            stopped(serving).await;
        }
    }

    async fn s14_reasons_in_memory() {
        let service = Arc::new(TestService::default());
        let (mut near, _, serving) = serve_pipe(&service);
        near.write_all(b"x\n").await.unwrap();
        near.read_exact(&mut [0; 2]).await.unwrap();
        let expired = Reason::Failed("the token has expired".to_owned());
        service.last_peer().close_with(expired.clone());
        assert_eq!(service.end(1).await, expired);
        stopped(serving).await;
    }

    async fn s5_a_handler_that_waits_sees_the_stop_in_memory() {
        let service = Arc::new(TestService::default());
        let (mut near, handle, serving) = serve_pipe(&service);
        near.write_all(b"wait\n").await.unwrap();
        service.holds(1).await;
        handle.stop();
        let mut line = String::new();
        timeout(LIMIT, near.read_to_string(&mut line)).await.expect("in time").unwrap();
        assert_eq!(line, "the server stops\n");
        assert!(stopped(serving).await.took < LIMIT);
    }
}

/// A linear session that waits for something other than its next request.
#[derive(Default)]
struct Waits(AtomicUsize, Mutex<Vec<Reason>>);

#[service]
impl Waits {
    #[session]
    async fn waits(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        let line = session.next().await?;
        if line == "next" {
            session.next_timeout(Duration::from_millis(10)).await?;
        } else if line == "wait" {
            self.0.fetch_add(1, SeqCst);
            tokio::select! {
                () = session.peer().stopping() => session.send("the server stops".to_owned()).await?,
                () = std::future::pending() => {}
            }
        } else {
            session.peer().close_with(Reason::Failed(line));
            // Fails with the reason of the end, which is not an error of the handler.
            session.next().await?;
        }
        Ok(())
    }

    #[on(disconnect)]
    async fn ended(&self, reason: Reason) {
        self.1.lock().unwrap().push(reason);
    }
}

#[tokio::test]
async fn s5_a_linear_session_that_waits_sees_the_stop() {
    let service = Arc::new(Waits::default());
    let server = Server::new(Arc::clone(&service)).codec(Lines::new()).grace(2 * LIMIT);
    let server = serve(Kind::Tcp, server).await;
    let mut stream = server.connect().await;
    stream.send("wait\n").await;
    wait(|| service.0.load(SeqCst) == 1).await;
    let (report, line) = tokio::join!(server.stop(), stream.line());
    assert_eq!(line, "the server stops");
    assert!(report.is_clean() && report.took < LIMIT, "{report}");
}

#[tokio::test]
async fn s14_a_linear_session_ends_with_the_reason_that_it_was_closed_with() {
    let mut client = portcullis::test::connect(Waits::default()).await.unwrap();
    assert!(client.send("expired".to_owned()));
    assert_eq!(client.ended().await.unwrap(), Reason::Failed("expired".to_owned()));
}

on_streams! {
    async fn s14_the_errors_of_the_next_request_are_reasons_of_their_own(kind) {
        let service = Arc::new(Waits::default());
        let server = serve(kind, Server::new(Arc::clone(&service)).codec(Lines::new())).await;
        for line in [&b"next\n"[..], b"not UTF-8: \xff\n"] {
            let mut stream = server.connect().await;
            stream.write_all(line).await.unwrap();
            stream.flush().await.unwrap();
            assert_eq!(stream.read_remaining().await, b"");
        }
        let reasons = service.1.lock().unwrap().clone();
        assert_eq!(reasons[0], Reason::Timeout(Limit::Next));
        assert!(matches!(reasons[1], Reason::Decode(_)), "{reasons:?}");
        server.stop().await;
    }
}

/// Responds with `try_send`, which is bounded by a queue.
#[derive(Default)]
struct Acks {
    full: AtomicUsize,
}

#[service(response = String)]
impl Acks {
    #[state(start)]
    async fn open(&self, peer: &Peer<String>, line: String) -> AcksState {
        if peer.try_send(line).is_err() {
            self.full.fetch_add(1, SeqCst);
        }
        AcksState::Open
    }
}

on_loops! {
    async fn s11_a_handler_may_respond_to_any_number_of_pipelined_requests_by_try_send() {
        const COUNT: usize = 1000;
        let acks = Arc::new(Acks::default());
        let server = serve(Kind::Tcp, Server::new(Arc::clone(&acks)).codec(Lines::new())).await;
        let mut stream = server.connect().await;
        stream.send("hello\n".repeat(COUNT)).await;
        let mut answers = vec![0; 6 * COUNT];
        timeout(LIMIT, stream.read_exact(&mut answers)).await.expect("all answers").unwrap();
        assert_eq!(acks.full.load(SeqCst), 0);
        server.stop().await;
    }
}
