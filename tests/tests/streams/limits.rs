//! Limits on every kind of stream (S2, S9, S11).

use super::*;

/// Short enough to wait for, and long enough for what must happen in time on a loaded machine.
const SHORT: Duration = Duration::from_millis(150);

on_streams! {
    async fn s9_the_remainder_of_an_oversized_frame_is_not_read_as_a_request(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, Server::new(Arc::clone(&service)).codec(Lines::new().max_length(64))).await;
        let mut stream = server.connect().await;
        for part in ["x".repeat(40), "close ".repeat(2000), "\nbehind\n".to_owned()] {
            stream.send(part).await;
        }
        stream.shutdown().await.unwrap();
        let back = String::from_utf8(stream.read_remaining().await).unwrap();
        assert_eq!(back, "error: malformed input: a frame is longer than 64 bytes\nbehind\n");
        assert_eq!(service.end(1).await, Reason::PeerClosed);
        server.stop().await;
    }

    async fn s2_the_first_request_times_out(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server().first_request_timeout(SHORT)).await;
        let mut stream = server.connect().await;
        stream.send("half a li").await;
        assert_eq!(stream.read_remaining().await, b"");
        assert_eq!(service.end(1).await, Reason::Timeout(Limit::FirstRequest));
        server.stop().await;
    }

    async fn s2_an_idle_session_times_out(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server().idle_timeout(SHORT)).await;
        let mut stream = server.connect().await;
        assert_eq!(stream.call("x").await, "x");
        assert_eq!(stream.read_remaining().await, b"");
        assert_eq!(service.end(1).await, Reason::Timeout(Limit::Idle));
        server.stop().await;
    }

    async fn s2_a_write_times_out(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server().write_timeout(SHORT)).await;
        let mut stream = server.connect().await;
        stream.send("big 16000000\n").await;
        assert_eq!(service.end(1).await, Reason::Timeout(Limit::Write));
        server.still_echoes().await;
        server.stop().await;
    }

    async fn s2_connections_are_bounded(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server().max_connections(2)).await;
        let (mut first, mut second) = (server.connect().await, server.connect().await);
        assert_eq!(first.call("1").await, "1");
        assert_eq!(second.call("2").await, "2");
        // Waits in the kernel's backlog until a connection ends.
        let third = async { server.connect().await.call("3").await };
        let leave = async {
            tokio::task::yield_now().await;
            assert_eq!(service.connected.load(SeqCst), 2);
            drop(first);
        };
        let (answer, ()) = tokio::join!(third, leave);
        assert_eq!(answer, "3");
        drop(second);
        service.end(3).await;
        server.stop().await;
    }

    async fn s11_a_slow_reader_blocks_only_its_senders(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server().max_queued_responses(4)).await;
        let mut slow = server.connect().await;
        assert_eq!(slow.call("x").await, "x");
        let peer = service.peers.lock().unwrap()[0].clone();
        let text = "x".repeat(60_000);
        // Until all buffers and the queue are full.
        let mut sent = 0;
        let mut waiting = loop {
            let mut sending = Box::pin(peer.send(text.clone()));
            match timeout(SHORT, &mut sending).await {
                Ok(done) => done.unwrap(),
                Err(_) => break sending,
            }
            sent += 1;
            assert!(sent < 1000, "never suspended");
        };
        assert!(peer.try_send("no".into()).is_err());
        server.still_echoes().await;
        let reading = async {
            let mut back = vec![0; (sent + 1) * (text.len() + 1)];
            slow.read_exact(&mut back).await.unwrap();
        };
        let ((), done) = timeout(LIMIT, async { tokio::join!(reading, &mut waiting) }).await.expect("in time");
        done.unwrap();
        drop(slow);
        server.stop().await;
    }
}

const REFUSAL: &str = "error: too many clients\n";

fn refuses(service: &Arc<TestService>) -> Server<TestService, Lines> {
    service.server().refusal(|| REFUSAL.trim_end().to_owned())
}

on_streams! {
    async fn s18_connections_over_the_limit_get_a_last_response(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, refuses(&service).max_connections(1)).await;
        let mut first = server.connect().await;
        assert_eq!(first.call("x").await, "x");
        // More than are refused at the same time. Each has sent something, which must not cost it
        // the response.
        let mut refused = tokio::task::JoinSet::new();
        let server_addr = Arc::new(server.server_addr);
        for _ in 0..100 {
            let server_addr = Arc::clone(&server_addr);
            refused.spawn(async move {
                // A Unix socket with a full backlog refuses at once.
                let Ok(mut stream) = server_addr.try_connect().await else { return false };
                stream.send("hello\n").await;
                assert_eq!(stream.read_remaining().await, REFUSAL.as_bytes());
                true
            });
        }
        let refused = timeout(LIMIT, refused.join_all()).await.expect("in time");
        assert!(refused.iter().filter(|refused| **refused).count() >= 64, "{refused:?}");
        assert_eq!((first.call("y").await, service.connected.load(SeqCst)), ("y".to_owned(), 1));
        // The next one is served when the first session has ended and its connection is closed.
        drop(first);
        service.end(1).await;
        let served = async { while server_addr.connect().await.call("z").await != "z" {} };
        timeout(LIMIT, served).await.expect("in time");
        server.handle.stop();
        stopped(server.serving).await;
    }

    async fn s18_refused_connections_do_not_hold_a_stop(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, refuses(&service).max_connections(1)).await;
        let mut first = server.connect().await;
        assert_eq!(first.call("x").await, "x");
        let mut second = server.connect().await;
        assert_eq!(second.line().await, REFUSAL.trim_end());
        let report = server.stop().await;
        assert!(report.is_clean() && report.took < Duration::from_secs(2), "{report}");
        assert_eq!(report.sessions_finished, 1);
    }
}

on_loops! {
    async fn s18_connections_over_the_limit_per_address_get_a_last_response() {
        for kind in [Kind::Tcp, Kind::Tls] {
            let service = Arc::new(TestService::default());
            let server = serve(kind, refuses(&service).max_connections_per_ip(1)).await;
            let mut first = server.connect().await;
            assert_eq!(first.call("x").await, "x");
            let mut second = server.connect().await;
            assert_eq!(second.read_remaining().await, REFUSAL.as_bytes());
            assert_eq!(first.call("y").await, "y");
            server.stop().await;
        }
    }
}
