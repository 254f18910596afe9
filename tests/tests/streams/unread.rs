//! Clients that do not read their answers, on every kind of stream.

use super::*;

on_streams! {
    async fn s2_requests_are_handled_while_answers_wait_to_be_read(kind) {
        const COUNT: usize = 20;
        let service = Arc::new(TestService::default());
        // More than the answers have, and more than any kernel buffers.
        let server = serve(kind, service.server().max_unwritten_bytes(1 << 25)).await;
        let mut stream = server.connect().await;
        stream.send("big 1000000\n".repeat(COUNT)).await;
        wait(|| service.asked.load(SeqCst) == COUNT).await;
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read_remaining().await.len(), COUNT * 1_000_001);
        assert_eq!(service.end(1).await, Reason::PeerClosed);
        server.stop().await;
    }

    async fn s2_a_client_that_writes_before_it_reads_gets_every_answer(kind) {
        const COUNT: usize = 4000;
        let service = Arc::new(TestService::default());
        // A quarter of it waits in the server; what the kernel buffers is not enough for the rest.
        let server = serve(kind, service.server().max_unwritten_bytes(1 << 20)).await;
        let stream = server.server_addr.connect_receiving(64 * 1024).await;
        let (mut reading, mut writing) = tokio::io::split(stream);
        let requests = (0..COUNT).map(|n| format!("{n:01000}\n")).collect::<String>();
        let expected = requests.clone();
        let written = tokio::spawn(async move {
            writing.write_all(requests.as_bytes()).await.unwrap();
            writing.shutdown().await.unwrap();
        });
        // Begins to read after the server has handled more requests than it may have responses
        // waiting, so that it depends on the kernel's buffers whether it has stopped to handle
        // more.
        wait(|| service.asked.load(SeqCst) > (1 << 20) / 1001).await;
        let mut back = String::new();
        timeout(LIMIT, reading.read_to_string(&mut back)).await.expect("in time").unwrap();
        assert!(back == expected, "{} bytes of {}", back.len(), expected.len());
        written.await.unwrap();
        assert_eq!(service.end(1).await, Reason::PeerClosed);
        server.stop().await;
    }
}

// The paused clock moves only while no task has anything to do: neither side can go on.
#[tokio::test(start_paused = true)]
async fn s2_a_client_that_begins_to_read_when_the_server_handles_no_more_gets_every_answer() {
    const COUNT: usize = 4000;
    let service = Arc::new(TestService::default());
    let (near, far) = tokio::io::duplex(64 * 1024);
    let server = service.server().max_unwritten_bytes(1 << 20).write_timeout(LIMIT).idle_timeout(LIMIT);
    let serving = tokio::spawn(server.serve_stream(far));
    let (mut reading, mut writing) = tokio::io::split(near);
    let requests = (0..COUNT).map(|n| format!("{n:01000}\n")).collect::<String>();
    let expected = requests.clone();
    let written = tokio::spawn(async move {
        writing.write_all(requests.as_bytes()).await.unwrap();
        writing.shutdown().await.unwrap();
    });
    tokio::time::sleep(LIMIT / 2).await;
    // The limit, what the pipe holds, and a batch.
    let asked = service.asked.load(SeqCst) * 1001;
    assert!((1 << 20..(1 << 20) + 200_000).contains(&asked), "{asked}");
    let mut back = String::new();
    reading.read_to_string(&mut back).await.unwrap();
    assert!(back == expected, "{} bytes of {}", back.len(), expected.len());
    written.await.unwrap();
    assert_eq!(service.end(1).await, Reason::PeerClosed);
    stopped(serving).await;
}

/// Every line goes to all, as an event.
#[derive(Default)]
struct Room {
    peers: Mutex<Vec<Peer<String, String>>>,
    full: AtomicUsize,
}

#[service(response = String)]
impl Room {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String, String>) {
        self.peers.lock().unwrap().push(peer.clone());
    }

    #[state(start)]
    async fn inside(&self, line: String) -> RoomState {
        for peer in &*self.peers.lock().unwrap() {
            if peer.try_post(line.clone()).is_err() {
                self.full.fetch_add(1, SeqCst);
            }
        }
        RoomState::Inside
    }

    #[event(inside)]
    async fn heard(&self, line: String) -> (String, RoomState) {
        (line, RoomState::Inside)
    }
}

/// Every line goes to all other sessions.
#[derive(Default)]
struct Relay {
    peers: Mutex<Vec<Peer<String>>>,
    full: AtomicUsize,
}

#[service(response = String)]
impl Relay {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String>) {
        self.peers.lock().unwrap().push(peer.clone());
    }

    #[session]
    async fn relay(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        loop {
            let line = session.next().await?;
            for peer in self.peers.lock().unwrap().iter().filter(|peer| *peer != session.peer()) {
                if peer.try_send(line.clone()).is_err() {
                    self.full.fetch_add(1, SeqCst);
                }
            }
        }
    }
}

on_streams! {
    // Far more lines than a queue of events holds, from a client that pipelines them.
    async fn s22_a_session_that_posts_to_all_waits_for_receivers_before_a_queue_is_full(kind) {
        const COUNT: usize = 3000;
        let room = Arc::new(Room::default());
        let server = serve(kind, Server::new(Arc::clone(&room)).codec(Lines::new())).await;
        let mut ann = server.connect().await;
        let mut others = Vec::new();
        for _ in 0..5 {
            others.push(server.connect().await);
        }
        wait(|| room.peers.lock().unwrap().len() == 6).await;
        let reading: Vec<_> = others.into_iter().map(|mut other| tokio::spawn(async move {
            let mut heard = vec![0; 6 * COUNT];
            timeout(LIMIT, other.read_exact(&mut heard)).await.expect("all lines").unwrap();
            other
        })).collect();
        ann.send("hello\n".repeat(COUNT)).await;
        let mut heard = vec![0; 6 * COUNT];
        timeout(LIMIT, ann.read_exact(&mut heard)).await.expect("all lines").unwrap();
        for other in reading {
            other.await.unwrap();
        }
        assert_eq!(room.full.load(SeqCst), 0);
        server.stop().await;
    }

    async fn s22_a_linear_session_that_sends_to_others_waits_for_them(kind) {
        const COUNT: usize = 3000;
        let relay = Arc::new(Relay::default());
        let server = serve(kind, Server::new(Arc::clone(&relay)).codec(Lines::new())).await;
        let (mut ann, mut bob) = (server.connect().await, server.connect().await);
        wait(|| relay.peers.lock().unwrap().len() == 2).await;
        let heard = tokio::spawn(async move {
            let mut heard = vec![0; 6 * COUNT];
            timeout(LIMIT, bob.read_exact(&mut heard)).await.expect("all lines").map(drop)
        });
        ann.send("hello\n".repeat(COUNT)).await;
        heard.await.unwrap().unwrap();
        assert_eq!(relay.full.load(SeqCst), 0);
        server.stop().await;
    }

    // Waiting for it would let one client that does not read delay all others.
    async fn s22_a_receiver_that_does_not_read_does_not_hold_up_a_sender(kind) {
        const COUNT: usize = 400;
        let room = Arc::new(Room::default());
        let server = Server::new(Arc::clone(&room)).codec(Lines::new().max_length(1 << 20));
        let server = serve(kind, server.max_unwritten_bytes(0).max_queued_events(8)).await;
        let (mut ann, _silent) = (server.connect().await, server.server_addr.connect_receiving(16 * 1024).await);
        wait(|| room.peers.lock().unwrap().len() == 2).await;
        // More than the kernel buffers.
        let line = format!("{}\n", "x".repeat(20_000));
        let (mut heard, all) = (vec![0; line.len()], line.clone());
        for _ in 0..COUNT {
            ann.send(&all).await;
            timeout(LIMIT, ann.read_exact(&mut heard)).await.expect("the line").unwrap();
            assert!(heard == line.as_bytes());
        }
        assert_ne!(room.full.load(SeqCst), 0);
        // A stop would wait for the client that does not read.
        room.peers.lock().unwrap().iter().for_each(Peer::abort);
        server.stop().await;
    }
}
