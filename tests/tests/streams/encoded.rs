//! Messages that are encoded once and sent to many peers, on every kind of stream.

use std::sync::atomic::AtomicU64;

use bytes::BytesMut;
use portcullis::codec::{DecodeError, EncodeError};
use portcullis::{Encoded, TrySendError};

use super::*;

/// A line that counts how often a codec reads it.
#[derive(Clone, Debug)]
struct Line {
    text: String,
    encoded: Arc<AtomicUsize>,
}

impl Line {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), encoded: Arc::default() }
    }
}

impl AsRef<str> for Line {
    fn as_ref(&self) -> &str {
        self.encoded.fetch_add(1, SeqCst);
        &self.text
    }
}

#[derive(Default)]
struct Subscribers {
    peers: Mutex<Vec<Peer<Line>>>,
}

#[service(response = Line)]
impl Subscribers {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<Line>) {
        self.peers.lock().unwrap().push(peer.clone());
    }

    #[request]
    async fn echo(&self, line: String) -> Line {
        Line::new(&line)
    }
}

impl Subscribers {
    /// Connects, and returns the session's peer.
    async fn connect(&self, server: &TestServer) -> (Conn, Peer<Line>) {
        let mut stream = server.connect().await;
        assert_eq!(stream.call("subscribe").await, "subscribe");
        let peer = self.peers.lock().unwrap().last().unwrap().clone();
        (stream, peer)
    }
}

async fn expect(stream: &mut Conn, expected: &str) {
    let mut read = vec![0; expected.len()];
    timeout(LIMIT, stream.read_exact(&mut read)).await.expect("the message").unwrap();
    assert_eq!(String::from_utf8(read).unwrap(), expected);
}

/// Numbers the lines of each connection: what it writes depends on what it has written.
#[derive(Clone)]
struct Numbered(Lines, Arc<AtomicU64>);

impl Numbered {
    fn new() -> Self {
        Self(Lines::new(), Arc::default())
    }
}

impl Codec<String, Line> for Numbered {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<String>, DecodeError> {
        <Lines as Codec<String, String>>::decode(&mut self.0, input)
    }

    fn encode(&mut self, line: Line, output: &mut BytesMut) -> Result<(), EncodeError> {
        let line = format!("{} {}", self.1.fetch_add(1, SeqCst), line.text);
        <Lines as Codec<String, String>>::encode(&mut self.0, line, output)
    }
}

on_streams! {
    async fn s23_a_message_for_many_peers_is_encoded_once(kind) {
        let service = Arc::new(Subscribers::default());
        let server = serve(kind, Server::new(Arc::clone(&service)).codec(Lines::new())).await;
        let mut subscribers = Vec::new();
        for _ in 0..5 {
            subscribers.push(service.connect(&server).await);
        }
        for text in ["hello", "again"] {
            let line = Line::new(text);
            let message = Encoded::new(line.clone());
            // One after another, because two sessions that write it at once both encode it.
            for (stream, peer) in &mut subscribers {
                peer.send_encoded(message.clone()).await.unwrap();
                peer.try_send_encoded(message.clone()).unwrap();
                expect(stream, &format!("{text}\n{text}\n")).await;
            }
            assert_eq!(line.encoded.load(SeqCst), 1);
            assert_eq!(message.message().text, text);
        }
        // In order with other responses.
        let (stream, peer) = &mut subscribers[0];
        peer.try_send(Line::new("1")).unwrap();
        peer.try_send_encoded(Encoded::new(Line::new("2"))).unwrap();
        peer.try_send(Line::new("3")).unwrap();
        expect(stream, "1\n2\n3\n").await;
        peer.close();
        assert!(matches!(peer.try_send_encoded(Encoded::new(Line::new("4"))), Err(TrySendError::Closed(_))));
        assert_eq!(peer.send_encoded(Encoded::new(Line::new("5"))).await.unwrap_err().0.message().text, "5");
        server.stop().await;
    }

    async fn s23_a_session_with_another_codec_encodes_the_message_itself(kind) {
        let service = Arc::new(Subscribers::default());
        let lines = serve(kind, Server::new(Arc::clone(&service)).codec(Lines::new())).await;
        let crlf = serve(kind, Server::new(Arc::clone(&service)).codec(Lines::new().crlf())).await;
        let numbered = serve(kind, Server::new(Arc::clone(&service)).codec(Numbered::new())).await;
        let (mut unix, first) = service.connect(&lines).await;
        let mut dos = crlf.connect().await;
        dos.send("subscribe\r\n").await;
        expect(&mut dos, "subscribe\r\n").await;
        let second = service.peers.lock().unwrap().last().unwrap().clone();
        let mut counting = numbered.connect().await;
        counting.send("subscribe\n").await;
        expect(&mut counting, "0 subscribe\n").await;
        let third = service.peers.lock().unwrap().last().unwrap().clone();

        let message = Encoded::new(Line::new("hello"));
        for at in 1..=2 {
            for peer in [&first, &second, &third] {
                peer.send_encoded(message.clone()).await.unwrap();
            }
            expect(&mut unix, "hello\n").await;
            expect(&mut dos, "hello\r\n").await;
            expect(&mut counting, &format!("{at} hello\n")).await;
        }
        for server in [lines, crlf, numbered] {
            server.stop().await;
        }
    }
}
