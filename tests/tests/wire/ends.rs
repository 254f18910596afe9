//! How connections end, and which responses are still delivered (S5, S7, S8).

use std::collections::BTreeMap;
use std::thread;

use portcullis::TrySendError;
use tokio::task::JoinSet;

use super::*;

on_loops! {
    async fn s8_a_reset_is_seen_in_every_state() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, Lines::new().max_length(1 << 20)).await;

        let mut idle = server.connect().await;
        assert_eq!(call(&mut idle, "x").await, "x");
        reset(idle);
        assert_eq!(service.end(1).await, Reason::Reset);

        let mut busy = server.connect().await;
        busy.write_all(b"hold\n").await.unwrap();
        service.holds(1).await;
        reset(busy);
        assert_eq!(service.end(2).await, Reason::Reset);
        assert_eq!(service.dropped.load(SeqCst), 1);

        // More than all buffers hold, so the server is writing.
        let mut writing = server.connect().await;
        writing.write_all(&b"big 60000\n".repeat(1000)).await.unwrap();
        assert_eq!(line(&mut writing).await.len(), 60000);
        reset(writing);
        assert_eq!(service.end(3).await, Reason::Reset);

        let mut half = server.connect().await;
        half.write_all(b"hold\n").await.unwrap();
        half.shutdown().await.unwrap();
        service.holds(2).await;
        reset(half);
        assert_eq!(service.end(4).await, Reason::Reset);
        assert_eq!(service.connected.load(SeqCst), 4);
        assert!(server.stop().await.is_clean());
    }

    async fn s8_every_request_before_a_half_close_is_answered() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, Lines::new().max_length(1 << 20)).await;
        let mut stream = server.connect().await;
        // The last line has no newline.
        stream.write_all(b"hold\nbig 100000\nlast").await.unwrap();
        stream.shutdown().await.unwrap();
        service.holds(1).await;
        service.release.0.add_permits(1);
        assert_eq!(read_remaining(&mut stream).await, [&b"held\n"[..], &b"b".repeat(100_000), b"\nlast\n"].concat());
        assert_eq!(service.end(1).await, Reason::PeerClosed);
        server.stop().await;
    }

    async fn closing_delivers_all_responses_to_a_peer_that_keeps_sending() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, Lines::new().max_length(1 << 20)).await;
        let mut stream = server.connect().await;
        // Requests after `close` are not handled, and must not turn the responses before it into a
        // reset.
        let bytes = [&b"big 200000\n".repeat(5)[..], b"close\n", &b"more and more\n".repeat(20_000)].concat();
        let (mut reads, mut writes) = stream.split();
        let mut back = Vec::new();
        let (read, _) = tokio::join!(timeout(LIMIT, reads.read_to_end(&mut back)), writes.write_all(&bytes));
        read.expect("in time").expect("a proper end");
        assert_eq!(back.len(), 5 * 200_001 + 6);
        assert_eq!(service.end(1).await, Reason::Closed(By::Close));
        server.stop().await;
    }

    async fn s5_responses_written_before_a_stop_reach_a_late_reader() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, Lines::new().max_length(1 << 20)).await;
        let mut stream = server.connect().await;
        // Enough responses to fill the kernel's buffers, and after `hold` more requests than are
        // read ahead: unread bytes when the server closes.
        let bytes = [&b"big 50000\n".repeat(20)[..], b"hold\n", &b"not read\n".repeat(20_000)].concat();
        stream.write_all(&bytes).await.unwrap();
        service.holds(1).await;
        server.handle.stop();
        service.release.0.add_permits(1);
        let report = server.stop().await;
        assert_eq!((report.sessions_finished, report.sessions_cancelled), (1, 0), "{report}");
        let back = read_remaining(&mut stream).await;
        assert!(back.ends_with(b"\n") && back.len() > 20 * 50_001, "{}", back.len());
        assert_eq!(back.iter().filter(|byte| **byte == b'\n').count(), service.asked.load(SeqCst));
    }

    async fn a_storm_of_connections_leaks_nothing() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, Lines::new().max_length(1 << 20)).await;
        let mut storm = JoinSet::new();
        const CONNECTIONS: usize = 2000;
        for n in 0..CONNECTIONS {
            if storm.len() >= 64 {
                storm.join_next().await.unwrap().unwrap();
            }
            let addr = server.addr;
            storm.spawn(async move {
                let mut stream = TcpStream::connect(addr).await.unwrap();
                match n % 5 {
                    0 => {}
                    1 => reset(stream),
                    2 => assert_eq!(call(&mut stream, "x").await, "x"),
                    3 => {
                        stream.write_all(b"x\nhalf a li").await.unwrap();
                        stream.shutdown().await.unwrap();
                        assert_eq!(read_remaining(&mut stream).await, b"x\nhalf a li\n");
                    }
                    _ => {
                        stream.write_all(b"big 100000\n").await.unwrap();
                        reset(stream);
                    }
                }
            });
        }
        storm.join_all().await;
        // Each accepted connection ends once. One that was reset in the kernel's backlog may never
        // have been accepted.
        wait(|| { let ended = service.ended.lock().unwrap().len(); ended == service.connected.load(SeqCst) && ended >= CONNECTIONS * 3 / 5 }).await;
        wait(|| sockets(server.addr) == 0).await;
        assert!(service.peers.lock().unwrap().iter().all(Peer::is_closed));
        still_echoes(&server).await;
        server.stop().await;
    }

    async fn peers_kept_after_their_sessions_report_closed() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, Lines::new().max_length(1 << 20)).await;
        let mut stream = server.connect().await;
        assert_eq!(call(&mut stream, "x").await, "x");
        let peer = service.peers.lock().unwrap()[0].clone();
        peer.send("pushed".into()).await.unwrap();
        assert_eq!(line(&mut stream).await, "pushed");
        drop(stream);
        service.end(1).await;
        wait(|| peer.is_closed()).await;
        assert!(peer.send("late".into()).await.is_err_and(|error| error.0 == "late"));
        assert!(matches!(peer.try_send("late".into()), Err(TrySendError::Closed(text)) if text == "late"));
        peer.close();
        still_echoes(&server).await;
        server.stop().await;
        assert!(peer.try_send("later still".into()).is_err());
    }

    async fn s7_messages_from_threads_go_out_in_order_while_a_handler_runs() {
        let service = Arc::new(TestService::default());
        let server = serve(&service, Lines::new().max_length(1 << 20)).await;
        let mut stream = server.connect().await;
        stream.write_all(b"hold\n").await.unwrap();
        service.holds(1).await;
        let peer = service.peers.lock().unwrap()[0].clone();
        let senders: Vec<_> = (0..4).map(|sender| {
            let peer = peer.clone();
            thread::spawn(move || for n in 0..500 {
                futures::executor::block_on(peer.send(format!("{sender} {n}"))).unwrap();
            })
        }).collect();
        let mut next = BTreeMap::new();
        for _ in 0..2000 {
            let text = line(&mut stream).await;
            let (sender, n) = text.split_once(' ').unwrap();
            let expected: &mut usize = next.entry(sender.to_owned()).or_default();
            assert_eq!(n, expected.to_string());
            *expected += 1;
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        // While the handler is pending, and at the moment at which it completes.
        for n in 0..200 {
            let peer = peer.clone();
            let sender = thread::spawn(move || peer.try_send("beside".into()).unwrap());
            service.release.0.add_permits(1);
            let mut lines = [line(&mut stream).await, line(&mut stream).await];
            lines.sort();
            assert_eq!(lines, ["beside", "held"], "{n}");
            sender.join().unwrap();
            stream.write_all(b"hold\n").await.unwrap();
        }
        drop(stream);
        server.stop().await;
    }
}

/// How many of the server's sockets are open, according to the kernel.
fn sockets(server: SocketAddr) -> usize {
    // Only Linux has this table.
    let Ok(table) = std::fs::read_to_string("/proc/net/tcp") else { return 0 };
    let local = format!(":{:04X}", server.port());
    let states = table.lines().skip(1).filter_map(|row| {
        let mut columns = row.split_whitespace().skip(1);
        let (from, _, state) = (columns.next()?, columns.next()?, columns.next()?);
        from.ends_with(&local).then_some(state)
    });
    // ESTABLISHED and CLOSE_WAIT: this side has not closed.
    states.filter(|state| matches!(*state, "01" | "08")).count()
}
