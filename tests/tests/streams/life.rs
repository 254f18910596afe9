//! How sessions go and how they end (S1, S5, S7, S8, S10).

use super::*;

on_streams! {
    async fn s7_requests_in_a_row_are_answered_in_order(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, desk.server()).await;
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
        assert_eq!(desk.end(1).await, Reason::PeerClosed);
        assert!(server.stop().await.is_clean());
    }

    async fn s8_half_close_and_everything_that_was_asked_is_answered(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, desk.server()).await;
        let mut stream = server.connect().await;
        // The last one without its newline.
        stream.say("hold\nbig 100000\nlast").await;
        stream.shutdown().await.unwrap();
        desk.holds(1).await;
        desk.release.0.add_permits(1);
        assert_eq!(stream.rest().await, [&b"held\n"[..], &b"b".repeat(100_000), b"\nlast\n"].concat());
        assert_eq!(desk.end(1).await, Reason::PeerClosed);
        server.stop().await;
    }

    async fn s8_a_reset_is_seen_in_every_state(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, desk.server()).await;
        // A Unix socket resets over what was left unread: so in each state there is something that
        // nobody reads.
        let peer = |n: usize| desk.peers.lock().unwrap()[n].clone();

        let mut idle = server.connect().await;
        assert_eq!(idle.ask("x").await, "x");
        idle.say("y\n").await;
        idle.readable().await;
        idle.reset();
        assert_eq!(desk.end(1).await, Reason::Reset);

        let mut busy = server.connect().await;
        assert_eq!(busy.ask("x").await, "x");
        busy.say("hold\n").await;
        desk.holds(1).await;
        peer(1).send("unread".to_owned()).await.unwrap();
        busy.readable().await;
        busy.reset();
        assert_eq!(desk.end(2).await, Reason::Reset);
        assert_eq!(desk.dropped.load(SeqCst), 1);

        // More than all buffers on the way hold, so the server is writing.
        let mut writing = server.connect().await;
        writing.say("big 60000\n".repeat(1000)).await;
        assert_eq!(writing.line().await.len(), 60000);
        writing.reset();
        assert_eq!(desk.end(3).await, Reason::Reset);
        assert!(server.stop().await.is_clean());
    }

    async fn close_reaches_a_peer_that_is_still_sending(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, desk.server()).await;
        // What comes behind `close` is not handled; nor must it turn the answers before it into a
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
        assert_eq!(desk.end(1).await, Reason::Closed);
        server.stop().await;
    }

    async fn s1_a_panic_ends_its_session_after_an_answer(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, desk.server()).await;
        let mut stream = server.connect().await;
        stream.say("x\npanic\n").await;
        assert_eq!(stream.rest().await, b"x\nerror: panicked: as told\n");
        assert!(matches!(desk.end(1).await, Reason::Panicked(_)));
        server.still_echoes().await;
        server.stop().await;
    }

    async fn s5_a_stop_lets_those_at_work_finish_and_ends_the_idle(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, desk.server()).await;
        let (mut idle, mut busy) = (server.connect().await, server.connect().await);
        assert_eq!(idle.ask("x").await, "x");
        busy.say("hold\n").await;
        desk.holds(1).await;
        server.handle.stop();
        // A proper end, of TLS too.
        assert_eq!(idle.rest().await, b"");
        assert_eq!(desk.dropped.load(SeqCst), 0);
        desk.release.0.add_permits(1);
        assert_eq!(busy.rest().await, b"held\n");
        let report = server.stop().await;
        assert_eq!((report.sessions_finished, report.sessions_cancelled), (2, 0), "{report}");
        assert_eq!(*desk.ended.lock().unwrap(), [Reason::Stopped, Reason::Stopped]);
    }

    async fn s10_a_stop_ends_within_its_grace(kind) {
        let desk = Arc::new(Desk::default());
        let server = serve(kind, desk.server()).await;
        let mut busy = server.connect().await;
        busy.say("hold\n").await;
        desk.holds(1).await;
        server.handle.stop_within(Duration::ZERO);
        let report = server.stop().await;
        assert_eq!((report.sessions_cancelled, report.sessions_stuck), (1, 0), "{report}");
        assert_eq!(desk.dropped.load(SeqCst), 1);
        assert_eq!(busy.rest().await, b"");
    }

    async fn s5_a_stop_at_any_moment_ends_in_time_and_every_session_is_told_once(kind) {
        for turns in (0..60).step_by(3) {
            let desk = Arc::new(Desk::default());
            let server = serve(kind, desk.server()).await;
            let way = Arc::new(server.way);
            let clients: Vec<_> = (0..2).map(|n| {
                let way = Arc::clone(&way);
                tokio::spawn(async move {
                    // A handshake may be cut by the stop.
                    let Ok(mut stream) = way.try_connect().await else { return };
                    let text: &[u8] = [&b"one\ntwo\nthree\npartial"[..], b"big 300000\nbig 300000\n"][n];
                    let _ = stream.write_all(text).await;
                    let _ = stream.flush().await;
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                })
            }).collect();
            wait(|| desk.connected.load(SeqCst) > 0).await;
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            server.handle.stop();
            let report = timeout(LIMIT, server.serving).await.expect("in time").unwrap().unwrap();
            assert!(report.is_clean(), "after {turns}: {report}");
            assert_eq!(desk.ended.lock().unwrap().len(), desk.connected.load(SeqCst), "after {turns}");
            for client in clients {
                // Who came too late has found nobody.
                client.abort();
                let _ = timeout(LIMIT, client).await.expect("in time");
            }
        }
    }
}
