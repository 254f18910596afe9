//! Sessions whose writing side the service closes, on every kind of stream and in memory.

use portcullis::test;
use portcullis::{SendError, TrySendError};
use tokio::io::{AsyncRead, AsyncWrite, duplex};

use super::*;

/// Echoes lines and events, and closes its writing side when a request asks for it.
#[derive(Default)]
struct Halves {
    handled: Mutex<Vec<String>>,
    peers: Mutex<Vec<Peer<String, String>>>,
    ended: Mutex<Vec<Reason>>,
    holding: AtomicUsize,
    release: Held,
}

impl Halves {
    fn peer(&self) -> Peer<String, String> {
        self.peers.lock().unwrap().last().unwrap().clone()
    }

    /// Waits until the service has handled something.
    async fn handled(&self, what: &str) {
        wait(|| self.handled.lock().unwrap().iter().any(|handled| handled == what)).await;
    }

    async fn end(&self) -> Reason {
        wait(|| !self.ended.lock().unwrap().is_empty()).await;
        self.ended.lock().unwrap().remove(0)
    }
}

#[service]
impl Halves {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String, String>) {
        self.peers.lock().unwrap().push(peer.clone());
    }

    #[state(start, half_close = answer)]
    async fn open(&self, peer: &Peer<String, String>, line: String) -> (String, HalvesState) {
        if line == "hold" {
            self.holding.fetch_add(1, SeqCst);
            self.release.0.acquire().await.unwrap().forget();
        }
        if line == "shut" {
            peer.try_send("queued".to_owned()).unwrap();
            peer.shutdown_write();
            assert_eq!(peer.try_send("late".to_owned()), Err(TrySendError::Closed("late".to_owned())));
        }
        self.handled.lock().unwrap().push(line.clone());
        (line, HalvesState::Open)
    }

    #[event(open)]
    async fn posted(&self, event: String) -> (String, HalvesState) {
        self.handled.lock().unwrap().push(event.clone());
        (event, HalvesState::Open)
    }

    #[on(disconnect)]
    async fn disconnected(&self, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
    }
}

fn server(halves: &Arc<Halves>) -> Server<Halves, Lines> {
    Server::new(Arc::clone(halves)).codec(Lines::new().max_length(1 << 25))
}

/// What no kernel takes at once.
fn big() -> String {
    "b".repeat(16_000_000)
}

/// A client that the service half-closes while it has requests left.
async fn half_close(halves: &Halves, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    stream.write_all(b"one\nshut\ntwo\n").await.unwrap();
    stream.flush().await.unwrap();
    let mut answers = String::new();
    timeout(LIMIT, stream.read_to_string(&mut answers)).await.expect("in time").unwrap();
    assert_eq!(answers, "one\nqueued\nshut\n");
    halves.handled("two").await;

    stream.write_all(b"three\n").await.unwrap();
    stream.flush().await.unwrap();
    halves.handled("three").await;
    let peer = halves.peer();
    peer.try_post("event".to_owned()).unwrap();
    halves.handled("event").await;

    assert!(peer.is_closed());
    timeout(LIMIT, peer.closed()).await.expect("nothing can be sent");
    assert_eq!(peer.send("x".to_owned()).await, Err(SendError("x".to_owned())));
    assert!(halves.ended.lock().unwrap().is_empty(), "the session goes on");
    stream.shutdown().await.unwrap();
    assert_eq!(halves.end().await, Reason::PeerClosed);
}

on_streams! {
    async fn s24_requests_and_events_are_handled_after_the_writing_side_is_closed(kind) {
        let halves = Arc::new(Halves::default());
        let server = serve(kind, server(&halves)).await;
        half_close(&halves, server.connect().await).await;
        server.stop().await;
    }

    async fn s24_an_idle_session_closes_its_writing_side_after_what_is_queued(kind) {
        let halves = Arc::new(Halves::default());
        let server = serve(kind, server(&halves)).await;
        for queued in [None, Some(big())] {
            let mut stream = server.connect().await;
            assert_eq!(stream.call("x").await, "x");
            let peer = halves.peer();
            if let Some(queued) = &queued {
                peer.try_send(queued.clone()).unwrap();
            }
            peer.shutdown_write();
            peer.shutdown_write();
            let expected = queued.map_or(0, |queued| queued.len() + 1);
            assert_eq!(stream.read_remaining().await.len(), expected);
            stream.send("after\n").await;
            halves.handled("after").await;
            halves.handled.lock().unwrap().clear();
        }
        server.stop().await;
    }

    async fn s24_a_pending_handler_is_finished_first(kind) {
        let halves = Arc::new(Halves::default());
        let server = serve(kind, server(&halves)).await;
        let mut stream = server.connect().await;
        stream.send("hold\nnext\n").await;
        wait(|| halves.holding.load(SeqCst) == 1).await;
        halves.peer().shutdown_write();
        halves.release.0.add_permits(1);
        assert_eq!(stream.read_remaining().await, b"hold\n");
        halves.handled("next").await;
        server.stop().await;
    }

    async fn s24_a_peer_that_does_not_read_is_disconnected_all_the_same(kind) {
        let halves = Arc::new(Halves::default());
        let server = serve(kind, server(&halves).write_timeout(Duration::from_millis(100))).await;
        let mut stream = server.connect().await;
        assert_eq!(stream.call("x").await, "x");
        halves.peer().try_send(big()).unwrap();
        halves.peer().shutdown_write();
        assert_eq!(halves.end().await, Reason::Timeout(Limit::Write));
        server.stop().await;
    }

    async fn s24_a_session_ends_as_usual_after_its_writing_side_is_closed(kind) {
        let halves = Arc::new(Halves::default());
        let server = serve(kind, server(&halves)).await;
        for abort in [false, true] {
            let mut stream = server.connect().await;
            assert_eq!(stream.call("x").await, "x");
            let peer = halves.peer();
            peer.shutdown_write();
            assert_eq!(stream.read_remaining().await, b"");
            if abort {
                peer.abort();
            } else {
                peer.close_with(Reason::Overload);
            }
            let expected = if abort { Reason::Closed(By::Abort) } else { Reason::Overload };
            assert_eq!(halves.end().await, expected);
            assert_eq!(peer.try_post("late".to_owned()), Err(TrySendError::Closed("late".to_owned())));
        }
        let mut stream = server.connect().await;
        assert_eq!(stream.call("x").await, "x");
        halves.peer().shutdown_write();
        assert_eq!(stream.read_remaining().await, b"");
        let report = server.stop().await;
        assert!(report.is_clean(), "{report}");
        assert_eq!(halves.end().await, Reason::Stopped);
    }
}

/// Sends by its session, and never returns a response.
#[derive(Default)]
struct Linear {
    peers: Mutex<Vec<Peer<String>>>,
    handled: Mutex<Vec<String>>,
    waiting: AtomicUsize,
    release: Held,
}

#[service]
impl Linear {
    #[session]
    async fn talk(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        self.peers.lock().unwrap().push(session.peer().clone());
        loop {
            let line = session.next().await?;
            if line == "wait" {
                self.waiting.fetch_add(1, SeqCst);
                self.release.0.acquire().await.unwrap().forget();
            }
            if line == "shut" {
                session.send("last".to_owned()).await?;
                session.peer().shutdown_write();
                let error = session.send("late".to_owned()).await.unwrap_err();
                assert!(matches!(error, SessionError::Ended(Reason::Closed(By::ShutdownWrite))), "{error}");
            }
            self.handled.lock().unwrap().push(line);
        }
    }
}

on_streams! {
    async fn s24_a_linear_session_closes_its_writing_side_and_reads_on(kind) {
        let linear = Arc::new(Linear::default());
        let server = serve(kind, Server::new(Arc::clone(&linear)).codec(Lines::new())).await;
        let mut stream = server.connect().await;
        stream.send("shut\n").await;
        assert_eq!(stream.read_remaining().await, b"last\n");
        stream.send("more\n").await;
        wait(|| linear.handled.lock().unwrap().last().is_some_and(|line| line == "more")).await;
        server.stop().await;
    }

    // Also while it neither reads nor writes.
    async fn s24_a_linear_handler_that_waits_is_not_waited_for(kind) {
        let linear = Arc::new(Linear::default());
        let server = serve(kind, Server::new(Arc::clone(&linear)).codec(Lines::new())).await;
        for unread in [0, 20] {
            let mut stream = server.connect().await;
            let count = linear.waiting.load(SeqCst) + 1;
            // More than the session reads ahead.
            stream.send(format!("wait\n{}", "x\n".repeat(unread * 1024))).await;
            wait(|| linear.waiting.load(SeqCst) == count).await;
            let peer = linear.peers.lock().unwrap().last().unwrap().clone();
            peer.shutdown_write();
            assert_eq!(stream.read_remaining().await, b"");
            linear.release.0.add_permits(1);
            stream.send("after\n").await;
            wait(|| linear.handled.lock().unwrap().last().is_some_and(|line| line == "after")).await;
        }
        server.stop().await;
    }
}

on_loops! {
    async fn s24_the_writing_side_is_closed_in_memory() {
        let halves = Arc::new(Halves::default());
        let (near, far) = duplex(1024);
        let serving = tokio::spawn(server(&halves).serve_stream(far));
        half_close(&halves, near).await;
        stopped(serving).await;
    }

    async fn s24_the_test_kit_says_that_no_response_will_come() {
        let halves = Arc::new(Halves::default());
        let mut client = test::connect(Arc::clone(&halves)).await.unwrap();
        assert!(client.send("shut".to_owned()));
        assert_eq!([client.next().await.unwrap(), client.next().await.unwrap()], ["queued", "shut"]);
        assert!(matches!(client.next().await, Err(test::Error::ShutDown)));
        assert!(client.send("more".to_owned()));
        halves.handled("more").await;
        let report = client.close().await.unwrap();
        assert!(report.is_clean(), "{report}");
        assert_eq!(halves.end().await, Reason::PeerClosed);
    }
}

// The paused clock moves only while no task has anything to do.
#[tokio::test(start_paused = true)]
async fn s24_a_session_whose_writing_side_is_closed_is_idle() {
    let halves = Arc::new(Halves::default());
    let (mut near, far) = duplex(1024);
    let serving = tokio::spawn(server(&halves).serve_stream(far));
    near.write_all(b"shut\n").await.unwrap();
    let mut answers = String::new();
    near.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers, "queued\nshut\n");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    near.write_all(b"more\n").await.unwrap();
    drop(near);
    serving.await.unwrap().unwrap();
    assert_eq!(*halves.handled.lock().unwrap(), ["shut", "more"]);
}

/// Runs only while there are requests.
#[derive(Default)]
struct Takes {
    peers: Mutex<Vec<Peer<String>>>,
    taken: Mutex<Vec<String>>,
}

#[service(response = String)]
impl Takes {
    #[session]
    async fn take(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        self.peers.lock().unwrap().push(session.peer().clone());
        while let Ok(line) = session.next_timeout(Duration::ZERO).await {
            self.taken.lock().unwrap().push(line);
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn s24_an_idle_linear_session_closes_its_writing_side_and_is_idle_again() {
    let takes = Arc::new(Takes::default());
    let (mut near, far) = duplex(1024);
    let serving = tokio::spawn(Server::new(Arc::clone(&takes)).codec(Lines::new()).serve_stream(far));
    near.write_all(b"one\n").await.unwrap();
    tokio::time::sleep(LIMIT).await;
    takes.peers.lock().unwrap()[0].shutdown_write();
    assert_eq!(near.read(&mut [0; 16]).await.unwrap(), 0);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    near.write_all(b"two\n").await.unwrap();
    drop(near);
    serving.await.unwrap().unwrap();
    assert_eq!(*takes.taken.lock().unwrap(), ["one", "two"]);
}
