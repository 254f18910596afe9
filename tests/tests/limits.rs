//! Each limit of a server, against raw clients that exceed it (S2, S11).

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portcullis::Bound;
use portcullis::codec::{Codec, Json, JsonLines, LengthPrefixed, Postcard};
use portcullis::prelude::*;
use portcullis_tests::served::{TestServer, read_remaining};
use portcullis_tests::{LIMIT, on_loops, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

/// Short enough to wait for, and long enough for what must happen in time on a loaded machine.
const SHORT: Duration = Duration::from_millis(150);

/// Echoes lines, counts sessions, and keeps its peers.
#[derive(Default)]
struct Counter {
    connected: AtomicUsize,
    failed: AtomicUsize,
    ended: Mutex<Vec<Reason>>,
    peers: Mutex<Vec<Peer<String>>>,
    /// How long `on(disconnect)` takes, and whether it completed.
    disconnect_delay: Duration,
    disconnect_completed: AtomicBool,
}

impl Counter {
    async fn end(&self, count: usize) -> Reason {
        wait(|| self.ended.lock().unwrap().len() == count).await;
        self.ended.lock().unwrap()[count - 1].clone()
    }

    fn bound<C: Codec<String, String>>(self: &Arc<Self>, codec: C) -> Server<Self, C, Bound> {
        Server::new(Arc::clone(self)).codec(codec).bind("127.0.0.1:0").unwrap()
    }
}

#[service]
impl Counter {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<String>) {
        self.connected.fetch_add(1, SeqCst);
        self.peers.lock().unwrap().push(peer.clone());
    }

    #[request]
    async fn echo(&self, line: String) -> Result<String, String> {
        match line.strip_prefix("big ") {
            Some(size) => Ok("b".repeat(size.parse().unwrap())),
            None => Ok(line),
        }
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<String>) -> ControlFlow<Reason, String> {
        self.failed.fetch_add(1, SeqCst);
        ControlFlow::Continue(format!("error: {error}"))
    }

    #[on(disconnect)]
    async fn disconnected(&self, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
        // One test needs an `on(disconnect)` that takes longer than a limit.
        sleep(self.disconnect_delay).await;
        self.disconnect_completed.store(true, SeqCst);
    }
}

on_loops! {
    async fn max_connections_bounds_concurrent_sessions() {
        let counter = Arc::new(Counter::default());
        let server = TestServer::new(counter.bound(Lines::new()).max_connections(3)).await;
        let mut streams = Vec::new();
        for _ in 0..10 {
            let mut stream = server.connect().await;
            stream.write_all(b"x\n").await.unwrap();
            streams.push(stream);
        }
        // Each disconnect admits one waiting client, in the order of their arrival.
        for (n, mut stream) in streams.into_iter().enumerate() {
            let mut back = [0; 2];
            timeout(LIMIT, stream.read_exact(&mut back)).await.expect("in time").unwrap();
            assert!(counter.connected.load(SeqCst) <= n + 3, "{n}");
        }
        counter.end(10).await;
        server.stop().await;
    }

    async fn every_codec_bounds_the_length_of_a_frame() {
        async fn call<C: Codec<String, String>>(codec: C, mut writer: impl Codec<String, String>) {
            let counter = Arc::new(Counter::default());
            let server = TestServer::new(counter.bound(codec)).await;
            let mut stream = server.connect().await;
            let mut bytes = bytes::BytesMut::new();
            for length in [50, 5000, 51] {
                writer.encode("x".repeat(length), &mut bytes).unwrap();
            }
            stream.write_all(&bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            let back = String::from_utf8_lossy(&read_remaining(&mut stream).await).into_owned();
            let mut expected = bytes::BytesMut::new();
            for text in ["x".repeat(50), "error: malformed input: a frame is longer than 64 bytes".into(), "x".repeat(51)] {
                writer.encode(text, &mut expected).unwrap();
            }
            assert_eq!(back.as_bytes(), &expected[..]);
            assert_eq!(counter.end(1).await, Reason::PeerClosed);
            // The encoder has the same limit.
            let mut stream = server.connect().await;
            let mut bytes = bytes::BytesMut::new();
            writer.encode("big 100".into(), &mut bytes).unwrap();
            stream.write_all(&bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            let back = String::from_utf8_lossy(&read_remaining(&mut stream).await).into_owned();
            assert!(back.contains("the message is longer than 64 bytes"), "{back}");
            server.stop().await;
        }
        call(Lines::new().max_length(64), Lines::new()).await;
        call(JsonLines::new().max_frame(64), JsonLines::new()).await;
        call(LengthPrefixed::<Json>::new().max_frame(64), LengthPrefixed::<Json>::new()).await;
        call(LengthPrefixed::<Postcard>::new().max_frame(64), LengthPrefixed::<Postcard>::new()).await;
    }

    async fn s11_the_response_queue_is_bounded_in_bytes() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound(Lines::new().max_length(1 << 20)).max_queued_responses(1 << 20);
        let server = TestServer::new(server.max_queued_response_bytes(4 << 20, |line| line.len())).await;
        let mut stream = server.connect().await;
        wait(|| counter.connected.load(SeqCst) == 1).await;
        let peer = counter.peers.lock().unwrap()[0].clone();
        let text = "x".repeat(1 << 20);
        // Until the kernel's buffers and the queue are full: after about a dozen messages, not a
        // million.
        let mut sent = 0;
        let mut waiting = loop {
            let mut sending = Box::pin(peer.send(text.clone()));
            // A driver that can still write does so soon; one that cannot never does.
            match timeout(SHORT, &mut sending).await {
                Ok(done) => done.unwrap(),
                Err(_) => break sending,
            }
            sent += 1;
            assert!(sent < 200, "never suspended");
        };
        assert!(peer.try_send("not even a short one: first come, first served".into()).is_err());
        let reading = async {
            let mut back = vec![0; (sent + 1) * (text.len() + 1)];
            stream.read_exact(&mut back).await.unwrap();
        };
        let ((), done) = timeout(LIMIT, async { tokio::join!(reading, &mut waiting) }).await.expect("in time");
        done.unwrap();
        drop(stream);
        server.stop().await;
    }

    async fn a_client_that_drips_bytes_hits_the_first_request_timeout() {
        let counter = Arc::new(Counter::default());
        let server = TestServer::new(counter.bound(Lines::new()).first_request_timeout(SHORT)).await;
        let mut silent = server.connect().await;
        let (mut reads, mut writes) = server.connect().await.into_split();
        let began = Instant::now();
        let dripping = tokio::spawn(async move {
            while writes.write_all(b"x").await.is_ok() {
                // The client sends one byte at a time.
                sleep(SHORT / 50).await;
            }
        });
        assert_eq!(read_remaining(&mut silent).await, b"");
        let mut back = Vec::new();
        let _ = timeout(LIMIT, reads.read_to_end(&mut back)).await.expect("in time");
        assert!(began.elapsed() >= SHORT);
        counter.end(2).await;
        assert_eq!(*counter.ended.lock().unwrap(), [Reason::Timeout(Limit::FirstRequest), Reason::Timeout(Limit::FirstRequest)]);
        dripping.await.unwrap();
        server.stop().await;
    }

    async fn a_client_that_drips_bytes_hits_the_idle_timeout() {
        let counter = Arc::new(Counter::default());
        let limit = 4 * SHORT;
        let server = TestServer::new(counter.bound(Lines::new()).idle_timeout(limit)).await;
        let (mut reads, mut writes) = server.connect().await.into_split();
        let mut back = [0; 2];
        // While requests arrive, the timeout does not apply.
        let began = Instant::now();
        while began.elapsed() < 2 * limit {
            writes.write_all(b"x\n").await.unwrap();
            reads.read_exact(&mut back).await.unwrap();
            // In total longer than the timeout, with shorter pauses.
            sleep(SHORT / 10).await;
        }
        assert_eq!(counter.ended.lock().unwrap().len(), 0);
        let dripping = tokio::spawn(async move {
            while writes.write_all(b"x").await.is_ok() {
                // The client sends one byte at a time.
                sleep(SHORT / 50).await;
            }
        });
        assert_eq!(counter.end(1).await, Reason::Timeout(Limit::Idle));
        dripping.await.unwrap();
        server.stop().await;
    }

    async fn time_during_which_the_loop_is_blocked_does_not_count_as_idle() {
        let counter = Arc::new(Counter::default());
        // Long enough for what the client sends in time, on a loaded machine.
        let limit = 3 * SHORT;
        let server = TestServer::new(counter.bound(Lines::new()).idle_timeout(limit)).await;
        // A client on its own thread, which the blocked loop does not delay.
        let addr = server.addr;
        let (call, asked) = std::sync::mpsc::channel::<()>();
        let client = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(addr).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            let mut back = [0; 2];
            stream.write_all(b"x\n").unwrap();
            stream.read_exact(&mut back).unwrap();
            asked.recv().unwrap();
            for _ in 0..2 {
                stream.write_all(b"y\n").unwrap();
                stream.read_exact(&mut back).unwrap();
            }
        });
        wait(|| counter.connected.load(SeqCst) == 1).await;
        // The request arrives in time, just before the loop is blocked for longer than the timeout.
        call.send(()).unwrap();
        tokio::task::yield_now().await;
        // Blocks each thread of the loop for longer than the timeout.
        let workers = tokio::runtime::Handle::current().metrics().num_workers();
        let block = move || std::thread::sleep(limit + SHORT);
        let held = (1..workers).map(|_| tokio::spawn(async move { block() })).collect::<Vec<_>>();
        block();
        for held in held {
            held.await.unwrap();
        }
        while !client.is_finished() {
            yield_now().await;
        }
        client.join().expect("it was answered");
        server.stop().await;
    }

    async fn the_write_timeout_ends_the_session_but_not_on_disconnect() {
        let counter = Arc::new(Counter { disconnect_delay: 3 * SHORT, ..Counter::default() });
        let server = TestServer::new(counter.bound(Lines::new().max_length(1 << 24)).write_timeout(SHORT)).await;
        let mut stream = server.connect().await;
        stream.write_all(b"big 16000000\n").await.unwrap();
        assert_eq!(counter.end(1).await, Reason::Timeout(Limit::Write));
        wait(|| counter.disconnect_completed.load(SeqCst)).await;
        // The connection slot is free at once: the session does not get the write timeout again for
        // `on(disconnect)`.
        let began = Instant::now();
        server.handle.stop();
        let report = server.stop().await;
        assert_eq!(report.sessions_cancelled, 0, "{report}");
        assert!(began.elapsed() < LIMIT / 4);
    }

    async fn a_client_that_reads_steadily_may_take_longer_than_the_write_timeout() {
        let counter = Arc::new(Counter::default());
        let limit = 4 * SHORT;
        let server = TestServer::new(counter.bound(Lines::new().max_length(1 << 24)).write_timeout(limit)).await;
        let mut stream = server.connect().await;
        stream.write_all(b"big 16000000\n").await.unwrap();
        let (began, mut left) = (Instant::now(), 16_000_001);
        let mut buffer = vec![0; 1 << 20];
        // Slower than possible, but with pauses shorter than the timeout.
        while left > 0 {
            tokio::time::sleep(SHORT).await;
            let most = buffer.len().min(left);
            stream.read_exact(&mut buffer[..most]).await.unwrap();
            left -= most;
        }
        assert!(began.elapsed() > 2 * limit);
        assert!(counter.ended.lock().unwrap().is_empty());
        server.stop().await;
    }

    async fn error_responses_to_a_client_that_never_reads_are_bounded() {
        let counter = Arc::new(Asked::default());
        let server = Server::new(Arc::clone(&counter)).codec(Lines::new().max_length(1 << 20)).write_timeout(SHORT);
        let server = TestServer::new(server.bind("127.0.0.1:0").unwrap()).await;
        let mut stream = server.connect().await;
        stream.write_all(&b"\xff\n".repeat(5000)).await.unwrap();
        wait(|| counter.ended.load(SeqCst)).await;
        // As many errors as the kernel buffers, not 300 MB of them.
        let failed = counter.failed.load(SeqCst);
        assert!((1..1000).contains(&failed), "{failed}");
        drop(stream);
        server.stop().await;
    }
}

/// A linear session with long error responses.
#[derive(Default)]
struct Asked {
    failed: AtomicUsize,
    ended: AtomicBool,
}

#[service]
impl Asked {
    #[session]
    async fn talk(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        loop {
            let line = session.next().await?;
            session.send(line).await?;
        }
    }

    #[on(error)]
    async fn failed(&self, _: SessionError<SessionError>) -> ControlFlow<Reason, String> {
        self.failed.fetch_add(1, SeqCst);
        ControlFlow::Continue("!".repeat(60_000))
    }

    #[on(disconnect)]
    async fn disconnected(&self, _: Reason) {
        self.ended.store(true, SeqCst);
    }
}
