//! What is bounded (S2, S9, S11), on every kind of stream.

use super::*;

/// Short enough to wait for, long enough for what must come in time on a loaded machine.
const SHORT: Duration = Duration::from_millis(150);

on_streams! {
    async fn s9_the_rest_of_a_frame_over_the_limit_is_no_request(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, Server::new(Arc::clone(&desk)).codec(Lines::new().max_length(64))).await;
        let mut stream = server.connect().await;
        for part in ["x".repeat(40), "close ".repeat(2000), "\nbehind\n".to_owned()] {
            stream.say(part).await;
        }
        stream.shutdown().await.unwrap();
        let back = String::from_utf8(stream.rest().await).unwrap();
        assert_eq!(back, "error: malformed input: a frame is longer than 64 bytes\nbehind\n");
        assert_eq!(desk.end(1).await, Reason::PeerClosed);
        server.stop().await;
    }

    async fn s2_the_time_to_the_first_request(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, desk.server().first_request_timeout(SHORT)).await;
        let mut stream = server.connect().await;
        stream.say("half a li").await;
        assert_eq!(stream.rest().await, b"");
        assert_eq!(desk.end(1).await, Reason::Timeout);
        server.stop().await;
    }

    async fn s2_the_time_between_requests(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, desk.server().idle_timeout(SHORT)).await;
        let mut stream = server.connect().await;
        assert_eq!(stream.ask("x").await, "x");
        assert_eq!(stream.rest().await, b"");
        assert_eq!(desk.end(1).await, Reason::Timeout);
        server.stop().await;
    }

    async fn s2_the_time_to_write(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, desk.server().write_timeout(SHORT)).await;
        let mut stream = server.connect().await;
        stream.say("big 16000000\n").await;
        assert_eq!(desk.end(1).await, Reason::Timeout);
        server.still_echoes().await;
        server.stop().await;
    }

    async fn s2_connections(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, desk.server().max_connections(2)).await;
        let (mut first, mut second) = (server.connect().await, server.connect().await);
        assert_eq!(first.ask("1").await, "1");
        assert_eq!(second.ask("2").await, "2");
        // Waits in the kernel, for one to leave.
        let third = async { server.connect().await.ask("3").await };
        let leave = async {
            tokio::task::yield_now().await;
            assert_eq!(desk.connected.load(SeqCst), 2);
            drop(first);
        };
        let (answer, ()) = tokio::join!(third, leave);
        assert_eq!(answer, "3");
        drop(second);
        desk.end(3).await;
        server.stop().await;
    }

    async fn s11_a_slow_reader_holds_up_who_sends_to_it_and_nobody_else(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, desk.server().max_queued_responses(4)).await;
        let mut slow = server.connect().await;
        assert_eq!(slow.ask("x").await, "x");
        let peer = desk.peers.lock().unwrap()[0].clone();
        let text = "x".repeat(60_000);
        // Until the buffers on the way are full, and the queue behind them.
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
