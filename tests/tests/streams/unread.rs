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
        // Begins to read when the server has stopped to handle requests, or has handled all.
        let mut before = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = service.asked.load(SeqCst);
            if now == before && now > 0 {
                break;
            }
            before = now;
        }
        let mut back = String::new();
        timeout(LIMIT, reading.read_to_string(&mut back)).await.expect("in time").unwrap();
        assert!(back == expected, "{} bytes of {}", back.len(), expected.len());
        written.await.unwrap();
        assert_eq!(service.end(1).await, Reason::PeerClosed);
        server.stop().await;
    }
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

/// Far more lines than a queue of events holds, from a client that pipelines them.
#[tokio::test(flavor = "current_thread")]
async fn s11_a_session_that_posts_to_all_yields_before_a_queue_is_full() {
    const COUNT: usize = 2000;
    let room = Arc::new(Room::default());
    let server = serve(Kind::Tcp, Server::new(Arc::clone(&room)).codec(Lines::new())).await;
    let (mut ann, mut bob) = (server.connect().await, server.connect().await);
    wait(|| room.peers.lock().unwrap().len() == 2).await;
    ann.send("hello\n".repeat(COUNT)).await;
    for stream in [&mut ann, &mut bob] {
        let mut heard = vec![0; 6 * COUNT];
        timeout(LIMIT, stream.read_exact(&mut heard)).await.expect("all lines").unwrap();
    }
    assert_eq!(room.full.load(SeqCst), 0);
    server.stop().await;
}
