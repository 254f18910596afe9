//! How sessions run and end (S1, S5, S7, S8, S10).

use super::*;

on_streams! {
    async fn s7_requests_in_a_row_are_answered_in_order(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server()).await;
        let (mut reads, mut writes) = tokio::io::split(server.connect().await);
        let text: String = (0..5000).map(|n| format!("{n}\n")).collect();
        let bytes = text.clone();
        let writing = tokio::spawn(async move {
            writes.write_all(bytes.as_bytes()).await.unwrap();
            writes.shutdown().await.unwrap();
        });
        let mut back = Vec::new();
        timeout(LIMIT, reads.read_to_end(&mut back)).await.expect("in time").unwrap();
        assert!(back == text.as_bytes());
        writing.await.unwrap();
        assert_eq!(service.end(1).await, Reason::PeerClosed);
        assert!(server.stop().await.is_clean());
    }

    async fn s8_every_request_before_a_half_close_is_answered(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server()).await;
        let mut stream = server.connect().await;
        // The last line has no newline.
        stream.send("hold\nbig 100000\nlast").await;
        stream.shutdown().await.unwrap();
        service.holds(1).await;
        service.release.0.add_permits(1);
        assert_eq!(stream.read_remaining().await, [&b"held\n"[..], &b"b".repeat(100_000), b"\nlast\n"].concat());
        assert_eq!(service.end(1).await, Reason::PeerClosed);
        server.stop().await;
    }

    async fn s8_a_reset_is_seen_in_every_state(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server()).await;
        // A Unix socket resets if data was left unread, so in each state there are unread
        // responses.
        let peer = |n: usize| service.peers.lock().unwrap()[n].clone();

        let mut idle = server.connect().await;
        assert_eq!(idle.call("x").await, "x");
        idle.send("y\n").await;
        idle.readable().await;
        idle.reset();
        assert_eq!(service.end(1).await, Reason::Reset);

        let mut busy = server.connect().await;
        assert_eq!(busy.call("x").await, "x");
        busy.send("hold\n").await;
        service.holds(1).await;
        peer(1).send("unread".to_owned()).await.unwrap();
        busy.readable().await;
        busy.reset();
        assert_eq!(service.end(2).await, Reason::Reset);
        assert_eq!(service.dropped.load(SeqCst), 1);

        // More than all buffers hold, so the server is writing.
        let mut writing = server.connect().await;
        writing.send("big 60000\n".repeat(1000)).await;
        assert_eq!(writing.line().await.len(), 60000);
        writing.reset();
        assert_eq!(service.end(3).await, Reason::Reset);
        assert!(server.stop().await.is_clean());
    }

    async fn closing_delivers_all_responses_to_a_peer_that_keeps_sending(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server()).await;
        // Requests after `close` are not handled, and must not turn the responses before it into a
        // reset.
        let bytes = [&b"big 200000\n".repeat(5)[..], b"close\n", &b"more and more\n".repeat(20_000)].concat();
        let (mut reads, mut writes) = tokio::io::split(server.connect().await);
        let mut back = Vec::new();
        let (read, _) = tokio::join!(timeout(LIMIT, reads.read_to_end(&mut back)), async {
            let _ = writes.write_all(&bytes).await;
            let _ = writes.flush().await;
        });
        read.expect("in time").expect("a proper end");
        assert_eq!(back.len(), 5 * 200_001 + 6);
        assert_eq!(service.end(1).await, Reason::Closed(By::Close));
        server.stop().await;
    }

    async fn s1_a_panic_is_answered_and_ends_only_its_session(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server()).await;
        let mut stream = server.connect().await;
        stream.send("x\npanic\n").await;
        assert_eq!(stream.read_remaining().await, b"x\nerror: panicked: on request\n");
        assert!(matches!(service.end(1).await, Reason::Panicked(_)));
        server.still_echoes().await;
        server.stop().await;
    }

    async fn s5_a_stop_lets_busy_sessions_finish_and_ends_idle_ones(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server()).await;
        let (mut idle, mut busy) = (server.connect().await, server.connect().await);
        assert_eq!(idle.call("x").await, "x");
        busy.send("hold\n").await;
        service.holds(1).await;
        server.handle.stop();
        // A regular end, with `close_notify` in TLS.
        assert_eq!(idle.read_remaining().await, b"");
        assert_eq!(service.dropped.load(SeqCst), 0);
        service.release.0.add_permits(1);
        assert_eq!(busy.read_remaining().await, b"held\n");
        let report = server.stop().await;
        assert_eq!((report.sessions_finished, report.sessions_cancelled), (2, 0), "{report}");
        assert_eq!(*service.ended.lock().unwrap(), [Reason::Stopped, Reason::Stopped]);
    }

    async fn s10_a_stop_ends_within_its_grace(kind) {
        let service = Arc::new(TestService::default());
        let server = serve(kind, service.server()).await;
        let mut busy = server.connect().await;
        busy.send("hold\n").await;
        service.holds(1).await;
        server.handle.stop_within(Duration::ZERO);
        let report = server.stop().await;
        assert_eq!((report.sessions_cancelled, report.sessions_stuck), (1, 0), "{report}");
        assert_eq!(service.dropped.load(SeqCst), 1);
        assert_eq!(busy.read_remaining().await, b"");
    }

    async fn s5_a_stop_at_any_moment_ends_in_time_and_runs_on_disconnect_once(kind) {
        for turns in (0..60).step_by(3) {
            let service = Arc::new(TestService::default());
            let server = serve(kind, service.server()).await;
            let server_addr = Arc::new(server.server_addr);
            let clients: Vec<_> = (0..2).map(|n| {
                let server_addr = Arc::clone(&server_addr);
                tokio::spawn(async move {
                    // The stop may interrupt a handshake.
                    let Ok(mut stream) = server_addr.try_connect().await else { return };
                    let text: &[u8] = [&b"one\ntwo\nthree\npartial"[..], b"big 300000\nbig 300000\n"][n];
                    let _ = stream.write_all(text).await;
                    let _ = stream.flush().await;
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                })
            }).collect();
            wait(|| service.connected.load(SeqCst) > 0).await;
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            server.handle.stop();
            let report = timeout(LIMIT, server.serving).await.expect("in time").unwrap().unwrap();
            assert!(report.is_clean(), "after {turns}: {report}");
            assert_eq!(service.ended.lock().unwrap().len(), service.connected.load(SeqCst), "after {turns}");
            for client in clients {
                // A late client cannot connect.
                client.abort();
                let _ = timeout(LIMIT, client).await.expect("in time");
            }
        }
    }
}
