//! Request handlers.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

on_both_flavours! {
    async fn s7_pipelined_requests_are_answered_in_order() {
        let (service, _told) = scripted();
        let server = serve(bound(service)).await;
        let mut stream = tokio::net::TcpStream::connect(server.addr).await.expect("it listens");
        let lines: String = (0..1000).map(|n| format!("{n}\n")).collect();
        stream.write_all(lines.as_bytes()).await.expect("written");
        let mut back = vec![0; lines.len()];
        stream.read_exact(&mut back).await.expect("read");
        assert_eq!(back, lines.as_bytes());
        server.stop().await;
    }

    async fn requests_in_pieces_are_put_together() {
        let (service, _told) = scripted();
        let server = serve(bound(service)).await;
        let mut stream = tokio::net::TcpStream::connect(server.addr).await.expect("it listens");
        let mut back = [0; 6];
        for _ in 0..3 {
            for byte in b"hello\n" {
                stream.write_all(&[*byte]).await.expect("written");
                tokio::task::yield_now().await;
            }
            stream.read_exact(&mut back).await.expect("read");
            assert_eq!(&back, b"hello\n");
        }
        server.stop().await;
    }

    async fn s1_errors_are_answered_and_the_session_goes_on() {
        let (service, _told) = scripted();
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        assert_eq!(call(&mut client, "fail").await, "error: as asked");
        assert_eq!(call(&mut client, "newline").await, "can't say");
        assert_eq!(call(&mut client, "count").await, "3");
        server.stop().await;
    }

    async fn s3_malformed_input_is_answered_and_the_session_goes_on() {
        let (service, _told) = scripted();
        let server = serve(bound(service)).await;
        let mut stream = tokio::net::TcpStream::connect(server.addr).await.expect("it listens");
        stream.write_all(b"\xff\nok\n").await.expect("written");
        stream.write_all(&b"x".repeat(100_000)).await.expect("written");
        stream.write_all(b"\nagain\n").await.expect("written");
        let expected = b"what?\nok\nwhat?\nagain\n";
        let mut back = vec![0; expected.len()];
        stream.read_exact(&mut back).await.expect("read");
        assert_eq!(back, expected);
        server.stop().await;
    }

    async fn s1_a_panic_ends_its_session_and_no_other() {
        let (service, mut reports) = scripted();
        let server = serve(bound(service)).await;
        let mut other = server.connect().await;
        assert_eq!(call(&mut other, "one").await, "one");
        let mut client = server.connect().await;
        assert_eq!(call(&mut client, "panic").await, "panic: as asked");
        assert_eq!(rest(&mut client).await, ["bye"]);
        assert_eq!(until_end(&mut reports).await, Reason::Panicked("as asked".to_owned()));
        assert_eq!(call(&mut other, "two").await, "two");
        server.stop().await;
    }

    async fn s8_half_close_answers_what_was_asked() {
        let (service, mut reports) = scripted();
        let service = Arc::new(service);
        let server = serve(bound(Arc::clone(&service))).await;
        let mut client = server.connect().await;
        client.send("hold".to_owned()).await.expect("sent");
        client.send("more".to_owned()).await.expect("sent");
        client.finish().await.expect("half-closed");
        while reports.recv().await != Some(Event::Holding) {}
        service.release.add_permits(1);
        assert_eq!(rest(&mut client).await, ["held", "more", "bye"]);
        assert_eq!(until_end(&mut reports).await, Reason::PeerClosed);
        server.stop().await;
    }

    async fn s8_a_reset_drops_a_busy_handler() {
        let (service, mut reports) = scripted();
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        client.send("hold".to_owned()).await.expect("sent");
        while reports.recv().await != Some(Event::Holding) {}
        client.get_ref().set_zero_linger().expect("set");
        drop(client);
        assert_eq!(reports.recv().await, Some(Event::Dropped));
        assert_eq!(until_end(&mut reports).await, Reason::Reset);
        server.stop().await;
    }

    async fn s8_a_reset_behind_unread_bytes_drops_a_busy_handler() {
        let (service, mut reports) = scripted();
        let server = serve(bound(service)).await;
        let mut client = server.connect().await;
        client.send("hold".to_owned()).await.expect("sent");
        while reports.recv().await != Some(Event::Holding) {}
        // Much more than is read ahead.
        for _ in 0..100 {
            client.send("x".repeat(4000)).await.expect("sent");
        }
        client.get_ref().set_zero_linger().expect("set");
        drop(client);
        assert_eq!(reports.recv().await, Some(Event::Dropped));
        assert_eq!(until_end(&mut reports).await, Reason::Reset);
        server.stop().await;
    }

    async fn a_handler_may_send_more_than_the_queue_holds() {
        let (service, _told) = scripted();
        let server = serve(bound(service).max_queued_responses(4)).await;
        let mut client = server.connect().await;
        assert_eq!(call(&mut client, "push").await, "pushed 0");
        for n in 1..300 {
            assert_eq!(client.next().await.expect("read"), Some(format!("pushed {n}")));
        }
        assert_eq!(client.next().await.expect("read"), Some("done".to_owned()));
        server.stop().await;
    }

    async fn close_answers_the_request_and_drops_the_rest() {
        let (service, mut reports) = scripted();
        let server = serve(bound(service)).await;
        let mut stream = tokio::net::TcpStream::connect(server.addr).await.expect("it listens");
        stream.write_all(b"one\nclose\ntwo\n").await.expect("written");
        let mut back = Vec::new();
        stream.read_to_end(&mut back).await.expect("read");
        assert_eq!(back, b"one\nclosing\n");
        assert_eq!(until_end(&mut reports).await, Reason::Closed(By::Close));
        server.stop().await;
    }
}
