//! Linear sessions.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn asking(rounds: usize) -> (Asking, mpsc::UnboundedReceiver<Event>) {
    let (scripted, reports) = scripted();
    (Asking { scripted, rounds }, reports)
}

on_both_flavours! {
    async fn s7_pipelined_requests_are_answered_in_order() {
        let (service, _told) = asking(usize::MAX);
        let server = serve(bound(service)).await;
        let mut stream = tokio::net::TcpStream::connect(server.addr).await.expect("it listens");
        let lines: String = (0..1000).map(|n| format!("{n}\n")).collect();
        stream.write_all(lines.as_bytes()).await.expect("written");
        let mut back = vec![0; lines.len()];
        stream.read_exact(&mut back).await.expect("read");
        assert_eq!(back, lines.as_bytes());
        server.stop().await;
    }

    async fn s4_a_handler_that_returns_is_started_again() {
        let (service, mut reports) = asking(2);
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        for n in 1..=5 {
            assert_eq!(call(&mut client, "count").await, n.to_string());
        }
        client.finish().await.expect("half-closed");
        assert_eq!(rest(&mut client).await, ["bye"]);
        assert_eq!(until_end(&mut reports).await, Reason::PeerClosed);
        server.stop().await;
    }

    async fn s4_a_handler_that_asks_for_nothing_ends_the_connection() {
        let (service, mut reports) = asking(0);
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        assert_eq!(rest(&mut client).await, ["bye"]);
        assert_eq!(until_end(&mut reports).await, Reason::Closed(By::Handler));
        server.stop().await;
    }

    async fn s1_errors_are_answered_and_the_session_goes_on() {
        let (service, _told) = asking(usize::MAX);
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        assert_eq!(call(&mut client, "fail").await, "error: as asked");
        assert_eq!(call(&mut client, "count").await, "2");
        server.stop().await;
    }

    async fn s3_malformed_input_comes_out_of_next() {
        let (service, mut reports) = asking(usize::MAX);
        let server = serve(bound(service)).await;
        let mut stream = tokio::net::TcpStream::connect(server.addr).await.expect("it listens");
        stream.write_all(b"\xff\nok\n").await.expect("written");
        let mut back = [0; 3];
        // The error is the handler's, which gives it on as its own; answered, the session goes on.
        let expected = "error: malformed input";
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).await.expect("read");
        assert_eq!(answer, expected.as_bytes());
        while back != *b"ok\n" {
            back.rotate_left(1);
            stream.read_exact(&mut back[2..]).await.expect("read");
        }
        assert_eq!(reports.recv().await, Some(Event::Connected));
        assert!(matches!(reports.recv().await, Some(Event::Asked(Err(text))) if text.contains("malformed")));
        server.stop().await;
    }

    async fn s1_a_panic_is_answered_and_ends_the_session() {
        let (service, mut reports) = asking(usize::MAX);
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        assert_eq!(call(&mut client, "panic").await, "panic: as asked");
        assert_eq!(rest(&mut client).await, ["bye"]);
        assert_eq!(until_end(&mut reports).await, Reason::Panicked("as asked".to_owned()));
        server.stop().await;
    }

    async fn s8_half_close_drops_a_busy_handler() {
        let (service, mut reports) = asking(usize::MAX);
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        client.send("hold".to_owned()).await.expect("sent");
        while reports.recv().await != Some(Event::Holding) {}
        client.finish().await.expect("half-closed");
        assert_eq!(reports.recv().await, Some(Event::Dropped));
        assert_eq!(until_end(&mut reports).await, Reason::PeerClosed);
        server.stop().await;
    }

    async fn an_idle_handler_is_told_that_the_peer_has_closed() {
        let (service, mut reports) = asking(usize::MAX);
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        assert_eq!(call(&mut client, "one").await, "one");
        client.finish().await.expect("half-closed");
        assert_eq!(rest(&mut client).await, ["bye"]);
        assert_eq!(reports.recv().await, Some(Event::Connected));
        assert_eq!(reports.recv().await, Some(Event::Asked(Ok(()))));
        assert!(matches!(reports.recv().await, Some(Event::Asked(Err(text))) if text.contains("closed by the peer")));
        assert_eq!(reports.recv().await, Some(Event::Disconnected(Reason::PeerClosed)));
        server.stop().await;
    }

    async fn s5_an_idle_handler_is_told_of_the_stop() {
        let (service, mut reports) = asking(usize::MAX);
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        assert_eq!(call(&mut client, "one").await, "one");
        let report = server.stop().await;
        assert_eq!((report.sessions_finished, report.sessions_cancelled), (1, 0));
        assert_eq!(rest(&mut client).await, ["bye"]);
        assert_eq!(until_end(&mut reports).await, Reason::Stopped);
    }
}
