//! Malformed, oversized and empty datagrams, and codecs and handlers that fail or panic (S1, D6,
//! D7, S3, S9).

use std::sync::atomic::AtomicBool;

use bytes::BytesMut;
use portcullis::Udp;
use portcullis::codec::{DatagramCodec, DecodeError, EncodeError};

use super::*;

/// A codec for text whose `clone` can panic.
struct Brittle {
    breaks: Arc<AtomicBool>,
    text: Datagrams<Utf8>,
}

impl Clone for Brittle {
    fn clone(&self) -> Self {
        assert!(!self.breaks.load(SeqCst), "on request");
        Self { breaks: Arc::clone(&self.breaks), text: self.text.clone() }
    }
}

impl DatagramCodec<String, String> for Brittle {
    fn max_size(&self) -> usize {
        1000
    }

    fn decode(&mut self, datagram: &[u8]) -> Result<String, DecodeError> {
        DatagramCodec::<String, String>::decode(&mut self.text, datagram)
    }

    fn encode(&mut self, message: String, datagram: &mut BytesMut) -> Result<(), EncodeError> {
        DatagramCodec::<String, String>::encode(&mut self.text, message, datagram)
    }
}

on_loops! {
    async fn s1_a_panic_in_the_codecs_clone_loses_one_datagram() {
        let breaks = Arc::new(AtomicBool::new(false));
        let codec = Brittle { breaks: Arc::clone(&breaks), text: text() };
        let counter = Arc::new(Counter::default());
        let server = Server::new(Arc::clone(&counter)).listen(Udp::new("127.0.0.1:0", codec)).unwrap();
        let server = server.spawn().await.unwrap();
        let (known, stranger) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        assert_eq!(call(&known, "a").await, "1: a");
        breaks.store(true, SeqCst);
        stranger.send(b"lost").await.unwrap();
        assert_eq!(call(&known, "b").await, "2: b");
        breaks.store(false, SeqCst);
        assert_eq!(call(&stranger, "c").await, "1: c");
        stop(server).await;
    }

    async fn d6_a_malformed_datagram_is_an_error_of_its_session_which_continues() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let (bad, good) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        assert_eq!(call(&good, "a").await, "1: a");
        bad.send(b"\xff\xff").await.unwrap();
        assert!(answer(&bad).await.starts_with("error: malformed input: invalid utf-8"));
        assert_eq!(call(&bad, "b").await, "1: b");
        assert_eq!(call(&good, "c").await, "2: c");
        assert!(counter.ended.lock().unwrap().is_empty());
        stop(server).await;
    }

    async fn s3_garbage_and_foreign_frames_end_no_session() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        // Among them are complete and partial frames of the session's internal stream.
        for garbage in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x04\xff", b"\0\0\0\x01\xff\xff", &[0xfe; 900]] {
            socket.send(garbage).await.unwrap();
            assert!(answer(&socket).await.starts_with("error: malformed input"));
        }
        assert_eq!(call(&socket, "\0\0\0\u{9}").await, "1: \0\0\0\u{9}");
        assert_eq!(counter.connected.load(SeqCst), 1);
        stop(server).await;
    }

    async fn s9_a_datagram_over_the_limit_is_malformed_and_the_next_one_is_read() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        for length in [1001, 1002, 5000, 60_000] {
            socket.send(&vec![b'x'; length]).await.unwrap();
            assert_eq!(answer(&socket).await, "error: malformed input: a frame is longer than 1000 bytes");
        }
        assert_eq!(call(&socket, &"x".repeat(990)).await, format!("1: {}", "x".repeat(990)));
        stop(server).await;
    }

    async fn a_response_over_the_limit_is_an_encode_error_and_is_not_sent() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        assert_eq!(call(&socket, "big 1000").await.len(), 1000);
        assert_eq!(
            call(&socket, "big 1001").await,
            "error: failed to encode: the message is longer than 1000 bytes"
        );
        // A response over UDP's maximum is an encode error even if the codec allows it.
        let wide = Server::new(Arc::clone(&counter))
            .listen(Udp::new("127.0.0.1:0", Datagrams::<Utf8>::new().max_size(1_000_000)))
            .unwrap()
            .spawn()
            .await
            .unwrap();
        let mut client = client(wide.local_addr()).await;
        assert_eq!(client.call("big 65507".into()).await.unwrap().len(), 65_507);
        assert_eq!(
            client.call("big 65508".into()).await.unwrap(),
            "error: failed to encode: the message is longer than 65507 bytes"
        );
        stop(server).await;
        stop(wide).await;
    }

    async fn an_empty_datagram_is_a_message() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let socket = raw(server.local_addr()).await;
        assert_eq!(call(&socket, "").await, "1: ");
        assert_eq!(call(&socket, "").await, "2: ");
        // The same for responses.
        assert_eq!(call(&socket, "big 0").await, "");
        assert_eq!(client(server.local_addr()).await.call("big 0".into()).await.unwrap(), "");
        stop(server).await;
    }

    async fn d7_an_error_or_panic_of_a_handler_affects_only_its_session() {
        let counter = Arc::new(Counter::default());
        let server = counter.bound().spawn().await.unwrap();
        let (one, other) = (raw(server.local_addr()).await, raw(server.local_addr()).await);
        assert_eq!(call(&one, "fail so").await, "error: so");
        assert_eq!(call(&one, "a").await, "2: a");
        assert_eq!(call(&one, "panic").await, "error: panicked: asked to");
        assert_eq!(counter.end(1).await, Reason::Panicked("asked to".into()));
        assert_eq!(call(&other, "b").await, "1: b");
        stop(server).await;
    }
}
