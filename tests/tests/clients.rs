//! Clients over every kind of stream, async and blocking: what they return, how long they wait, and
//! how they reconnect.

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use futures::StreamExt;
use portcullis::codec::{Codec, DecodeError, EncodeError};
use portcullis::prelude::*;
use portcullis::{
    Backoff, BlockingClient, BlockingReconnectingClient, Client, ClientError, ClientTls, JsonLines,
    MaybeTlsStream, ReconnectingClient, RunningServer, Tcp, Unix,
};
use portcullis_tests::pki::{client_config, strangers};
use portcullis_tests::streams::{Kind, ServerAddr, TempDir, bind};
use portcullis_tests::{LIMIT, on_loops};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::either::Either;

const SHORT: Duration = Duration::from_millis(100);

struct TestService;

#[service]
impl TestService {
    #[request]
    async fn handle(&self, line: String) -> String {
        if line == "never" {
            std::future::pending::<()>().await;
        }
        line
    }
}

/// Answers each request with its text, when a permit has been added for it.
struct Gate {
    open: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { open: Semaphore::new(0) }
    }
}

#[service]
impl Gate {
    #[request]
    async fn handle(&self, line: String) -> String {
        self.open.acquire().await.expect("never closed").forget();
        line
    }
}

async fn service(kind: Kind) -> (RunningServer, ServerAddr) {
    let (server, server_addr) = bind(kind, Server::new(Arc::new(TestService)).codec(Lines::new()));
    (server.spawn().await.unwrap(), server_addr)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tx, rx) = tokio::sync::oneshot::channel();
    thread::spawn(move || tx.send(work()).ok());
    timeout(LIMIT, rx).await.expect("in time").expect("no panic")
}

fn timed_out<T>(result: Result<T, ClientError>) -> bool {
    matches!(result, Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::TimedOut)
}

macro_rules! exercise {
    ($client:expr) => {{
        let mut client = $client.timeout(LIMIT);
        assert_eq!(client.call("hello".into()).await.unwrap(), "hello");
        let (mut sender, mut receiver) = client.into_split();
        let sending = tokio::spawn(async move {
            for n in 0..500 {
                sender.send(n.to_string()).await.unwrap();
            }
            sender.finish().await.unwrap();
            sender
        });
        for n in 0..500 {
            assert_eq!(receiver.next().await.unwrap().unwrap(), n.to_string());
        }
        assert!(StreamExt::next(&mut receiver).await.is_none());
        sending.await.unwrap();
    }};
}

/// Counts the writes.
struct CountingWrites {
    io: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl AsyncRead for CountingWrites {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl AsyncWrite for CountingWrites {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, SeqCst);
        Pin::new(&mut self.io).poll_write(cx, from)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

type LinesBlockingClient = BlockingClient<String, String, Lines>;

fn exercise_blocking(client: LinesBlockingClient) {
    let mut client = client.timeout(LIMIT);
    assert_eq!(client.call("hello".into()).unwrap(), "hello");
    client = client.timeout(SHORT);
    assert!(timed_out(client.next()));
    client = client.timeout(LIMIT);
    for n in 0..500 {
        client.send(n.to_string()).unwrap();
    }
    client.finish().unwrap();
    let packets: Vec<String> = client.incoming().map(Result::unwrap).collect();
    assert_eq!(packets, (0..500).map(|n| n.to_string()).collect::<Vec<_>>());
}

/// A server that accepts one client, answers its first line with `answer` in writes of `size`
/// bytes, and closes.
fn server_that_answers(answer: &'static [u8], size: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut byte = [0];
        while byte != *b"\n" && stream.read(&mut byte).unwrap() > 0 {}
        for part in answer.chunks(size) {
            if stream.write_all(part).is_err() {
                return;
            }
        }
    });
    addr
}

type DrippedClient = BlockingClient<String, String, CountingLines>;

/// [`Lines`], with a message to the channel at each call of `decode`.
#[derive(Clone)]
struct CountingLines(Lines, mpsc::Sender<()>);

impl Codec<String, String> for CountingLines {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<String>, DecodeError> {
        let _ = self.1.send(());
        Codec::<String, String>::decode(&mut self.0, input)
    }

    fn encode(&mut self, line: String, output: &mut BytesMut) -> Result<(), EncodeError> {
        self.0.encode(line, output)
    }
}

/// A server that sends its client one byte after each call of `decode`, and never a whole line.
fn server_that_drips() -> (SocketAddr, CountingLines) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (guard, decoded) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        while decoded.recv().is_ok() && stream.write_all(b"x").is_ok() {}
    });
    (addr, CountingLines(Lines::new().max_length(1 << 20), guard))
}

on_loops! {
    async fn a_client_works_over_every_kind_of_stream() {
        for kind in [Kind::Tcp, Kind::Tls, Kind::Unix, Kind::UnixTls] {
            let (server, server_addr) = service(kind).await;
            match &server_addr {
                ServerAddr::Tcp(addr) => {
                    let client = Client::<String, String, _>::connect_timeout(addr, Lines::new(), LIMIT).await.unwrap();
                    assert!(client.get_ref().nodelay().unwrap());
                    exercise!(client);
                }
                ServerAddr::Tls(addr) => {
                    let config = client_config(None, &[]);
                    exercise!(Client::<String, String, _>::connect_timeout(Tcp::new(addr).tls(ClientTls::new("localhost", config)), Lines::new(), LIMIT).await.unwrap());
                }
                ServerAddr::Unix(path, _) => exercise!(Client::<String, String, _>::connect(Unix::new(path), Lines::new()).await.unwrap()),
                ServerAddr::UnixTls(path, _) => {
                    let config = client_config(None, &[]);
                    exercise!(Client::<String, String, _>::connect(Unix::new(path).tls(ClientTls::new("localhost", config)), Lines::new()).await.unwrap());
                }
            }
            server.stop().await.unwrap();
        }
    }

    async fn a_blocking_client_works_over_every_kind_of_stream() {
        for kind in [Kind::Tcp, Kind::Tls, Kind::Unix, Kind::UnixTls] {
            let (server, server_addr) = service(kind).await;
            let connected = blocking(move || {
                exercise_blocking(match &server_addr {
                    ServerAddr::Tcp(addr) => LinesBlockingClient::connect_timeout(addr, Lines::new(), LIMIT).unwrap(),
                    ServerAddr::Tls(addr) => {
                        LinesBlockingClient::connect_timeout(Tcp::new(addr).tls(ClientTls::new("localhost", client_config(None, &[]))), Lines::new(), LIMIT).unwrap()
                    }
                    ServerAddr::Unix(path, _) => LinesBlockingClient::connect(Unix::new(path), Lines::new()).unwrap(),
                    ServerAddr::UnixTls(path, _) => {
                        LinesBlockingClient::connect(Unix::new(path).tls(ClientTls::new("localhost", client_config(None, &[]))), Lines::new()).unwrap()
                    }
                });
                true
            });
            assert!(connected.await);
            server.stop().await.unwrap();
        }
    }

    async fn whether_a_client_uses_tls_may_be_known_at_run_time() {
        for (plain, secure) in [(Kind::Tcp, Kind::Tls), (Kind::Unix, Kind::UnixTls)] {
            for kind in [plain, secure] {
                let (server, server_addr) = service(kind).await;
                let tls = (kind == secure).then(|| ClientTls::new("localhost", client_config(None, &[])));
                let expected = tls.is_some();
                let blocking_tls = tls.clone();
                match server_addr {
                    ServerAddr::Tcp(addr) | ServerAddr::Tls(addr) => {
                        let client: Client<String, String, _, MaybeTlsStream> =
                            Client::connect(Tcp::new(addr).tls(tls), Lines::new()).await.unwrap();
                        assert_eq!(matches!(client.get_ref(), Either::Right(_)), expected);
                        exercise!(client);
                        blocking(move || {
                            exercise_blocking(LinesBlockingClient::connect(Tcp::new(addr).tls(blocking_tls), Lines::new()).unwrap());
                        }).await;
                    }
                    ServerAddr::Unix(path, _dir) | ServerAddr::UnixTls(path, _dir) => {
                        let client: Client<String, String, _, MaybeTlsStream<tokio::net::UnixStream>> =
                            Client::connect_timeout(Unix::new(&path).tls(tls), Lines::new(), LIMIT).await.unwrap();
                        assert_eq!(matches!(client.get_ref(), Either::Right(_)), expected);
                        exercise!(client);
                        blocking(move || {
                            exercise_blocking(LinesBlockingClient::connect(Unix::new(path).tls(blocking_tls), Lines::new()).unwrap());
                        }).await;
                    }
                }
                server.stop().await.unwrap();
            }
        }
    }

    async fn requests_that_are_fed_go_out_together() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let writes = Arc::new(AtomicUsize::new(0));
        let io = CountingWrites { io: near, writes: Arc::clone(&writes) };
        let mut client: Client<String, String, _, _> = Client::from_stream(io, Lines::new());
        for n in 0..1000 {
            client.feed(n.to_string()).await.unwrap();
        }
        assert_eq!(writes.load(SeqCst), 0);
        client.flush().await.unwrap();
        assert_eq!(writes.load(SeqCst), 1);
        client.send_all((1000..2000).map(|n| n.to_string())).await.unwrap();
        assert_eq!(writes.load(SeqCst), 2);
        // Not all requests are in memory at once.
        client.send_all((0..10).map(|_| "x".repeat(30_000))).await.unwrap();
        assert_eq!(writes.load(SeqCst), 6);
        let (mut sender, receiver) = client.into_split();
        sender.feed("1".to_owned()).await.unwrap();
        sender.send_all(["2".to_owned(), "3".to_owned()]).await.unwrap();
        assert_eq!(writes.load(SeqCst), 7);
        drop((sender, receiver));
        let mut sent = String::new();
        timeout(LIMIT, far.read_to_string(&mut sent)).await.expect("in time").unwrap();
        let lines: Vec<_> = sent.lines().map(|line| if line.len() > 1000 { "long" } else { line }).collect();
        let numbers = (0..2000).map(|n| n.to_string());
        let expected = numbers.chain(std::iter::repeat_n("long".to_owned(), 10)).chain(["1", "2", "3"].map(String::from));
        assert!(lines.iter().eq(expected.collect::<Vec<_>>().iter()));
    }

    async fn a_blocking_client_sends_many_requests_and_receives_as_many_responses() {
        let (server, server_addr) = service(Kind::Tcp).await;
        let ServerAddr::Tcp(addr) = server_addr else { unreachable!() };
        blocking(move || {
            let mut client = LinesBlockingClient::connect(addr, Lines::new()).unwrap().timeout(LIMIT);
            client.feed("first".into()).unwrap();
            client.send_all((0..50_000).map(|n| n.to_string())).unwrap();
            assert_eq!(client.next().unwrap().unwrap(), "first");
            for n in 0..50_000 {
                assert_eq!(client.next().unwrap().unwrap(), n.to_string());
            }
        }).await;
        server.stop().await.unwrap();
    }

    async fn a_certificate_for_another_name_and_an_invalid_name_are_rejected() {
        let (server, server_addr) = service(Kind::Tls).await;
        let ServerAddr::Tls(addr) = server_addr else { unreachable!() };
        for (name, kind) in [("example.com", io::ErrorKind::InvalidData), ("no name", io::ErrorKind::InvalidInput)] {
            let config = client_config(Some(&strangers().client), &[]);
            let connected = Client::<String, String, _>::connect(Tcp::new(addr).tls(ClientTls::new(name, config.clone())), Lines::new()).await;
            assert_eq!(connected.unwrap_err().kind(), kind);
            let connected = blocking(move || LinesBlockingClient::connect(Tcp::new(addr).tls(ClientTls::new(name, config)), Lines::new())).await;
            assert_eq!(connected.unwrap_err().kind(), kind);
        }
        server.stop().await.unwrap();
    }

    async fn a_handshake_with_a_silent_server_times_out() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = silent.local_addr().unwrap();
        let config = client_config(None, &[]);
        let connected = Client::<String, String, _>::connect_timeout(Tcp::new(addr).tls(ClientTls::new("localhost", config.clone())), Lines::new(), SHORT);
        assert_eq!(connected.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let tls = ClientTls::new("localhost", config);
        let tcp = Tcp::new(addr).tls(tls.clone());
        let connected = blocking(move || LinesBlockingClient::connect_timeout(tcp, Lines::new(), SHORT)).await;
        assert_eq!(connected.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // The same over a Unix socket.
        let dir = TempDir::new();
        let _silent = std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
        let unix = Unix::new(dir.join("socket")).tls(tls);
        let connected = Client::<String, String, _>::connect_timeout(unix.clone(), Lines::new(), SHORT).await;
        assert_eq!(connected.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let connected = blocking(move || LinesBlockingClient::connect_timeout(unix, Lines::new(), SHORT)).await;
        assert_eq!(connected.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    async fn socket_options_of_an_address_are_set_on_the_clients_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let client = Client::<String, String, _>::connect(addr, Lines::new()).await.unwrap();
        assert!(client.get_ref().nodelay().unwrap());
        assert!(!SockRef::from(client.get_ref()).keepalive().unwrap());
        let tcp = Tcp::new(addr).nodelay(false).keepalive(Duration::from_secs(77));
        let client = Client::<String, String, _>::connect(tcp, Lines::new()).await.unwrap();
        assert!(!client.get_ref().nodelay().unwrap());
        assert!(SockRef::from(client.get_ref()).keepalive().unwrap());
        drop(listener);
    }

    async fn every_operation_times_out() {
        let (server, server_addr) = service(Kind::Tcp).await;
        let ServerAddr::Tcp(addr) = server_addr else { unreachable!() };
        let mut client = Client::<String, String, _>::connect(addr, Lines::new()).await.unwrap().timeout(SHORT);
        assert!(timed_out(client.call("never".into()).await));
        assert!(blocking(move || timed_out(LinesBlockingClient::connect(addr, Lines::new()).unwrap().timeout(SHORT).call("never".into()))).await);
        // Bytes that trickle in do not extend the timeout.
        let (addr, codec) = server_that_drips();
        assert!(blocking(move || timed_out(DrippedClient::connect(addr, codec).unwrap().timeout(SHORT).call("x".into()))).await);
        let (addr, codec) = server_that_drips();
        let mut dripped = Client::<String, String, _>::connect(addr, codec).await.unwrap().timeout(SHORT);
        assert!(timed_out(dripped.call("x".into()).await));
        drop((client, dripped));
        // Its handlers never return.
        server.stop_within(Duration::ZERO).await.unwrap();
    }

    async fn a_late_response_answers_the_next_call() {
        for kind in [Kind::Tcp, Kind::Tls, Kind::Unix, Kind::UnixTls] {
            let gate = Arc::new(Gate::default());
            let (server, addr) = bind(kind, Server::new(gate.clone()).codec(Lines::new()));
            let server = server.spawn().await.unwrap();
            let client = Client::<String, String, _, _>::from_stream(addr.connect().await, Lines::new());
            let mut client = client.timeout(SHORT);
            assert!(timed_out(client.call("first".into()).await), "{kind:?}");
            gate.open.add_permits(2);
            let mut client = client.timeout(LIMIT);
            // The connection stays usable, and the responses arrive in the order of the requests.
            assert_eq!(client.call("second".into()).await.unwrap(), "first", "{kind:?}");
            assert_eq!(client.next().await.unwrap().unwrap(), "second", "{kind:?}");
            drop(client);
            server.stop().await.unwrap();
        }
    }

    async fn a_late_response_answers_the_next_call_of_a_blocking_client() {
        let gate = Arc::new(Gate::default());
        let server = Server::new(gate.clone()).codec(Lines::new()).bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
        let addr = server.local_addr();
        blocking(move || {
            let mut client = LinesBlockingClient::connect(addr, Lines::new()).unwrap().timeout(SHORT);
            assert!(timed_out(client.call("first".into())));
            gate.open.add_permits(2);
            let mut client = client.timeout(LIMIT);
            assert_eq!(client.call("second".into()).unwrap(), "first");
            assert_eq!(client.next().unwrap().unwrap(), "second");
        })
        .await;
        server.stop().await.unwrap();
    }

    async fn a_response_may_arrive_byte_by_byte() {
        const ANSWER: &[u8] = "{\"text\":\"äöü\"}\n[1]\n".as_bytes();
        type Value = std::collections::BTreeMap<String, String>;
        for size in 1..ANSWER.len() {
            let addr = server_that_answers(ANSWER, size);
            let mut client = Client::<u8, Value, _>::connect(addr, JsonLines::new()).await.unwrap().timeout(LIMIT);
            assert_eq!(client.call(1).await.unwrap()["text"], "äöü");
            // The second document is not a message of the type; after it the stream ends.
            assert!(matches!(StreamExt::next(&mut client).await, Some(Err(ClientError::Decode(_)))));
            assert!(StreamExt::next(&mut client).await.is_none());
        }
    }

    async fn a_connection_that_closes_inside_a_response_is_an_error() {
        let answer = |n| server_that_answers(&b"{\"a\":1}\n"[..n], 8);
        type Value = std::collections::BTreeMap<String, u8>;
        let addr = answer(0);
        let mut client = Client::<u8, Value, _>::connect(addr, JsonLines::new()).await.unwrap().timeout(LIMIT);
        assert!(matches!(client.call(1).await, Err(ClientError::Closed)));
        let addr = answer(4);
        let mut client = Client::<u8, Value, _>::connect(addr, JsonLines::new()).await.unwrap().timeout(LIMIT);
        assert!(matches!(client.call(1).await, Err(ClientError::Decode(_))));
        let addr = answer(4);
        let outcome = blocking(move || {
            let mut client = BlockingClient::<u8, Value, _>::connect(addr, JsonLines::new()).unwrap().timeout(LIMIT);
            client.send(1).unwrap();
            let mut packets = client.incoming();
            (matches!(packets.next(), Some(Err(ClientError::Decode(_)))), packets.next().is_none())
        });
        assert_eq!(outcome.await, (true, true));
    }

    async fn a_client_reconnects_after_a_restart_and_reports_lost_requests() {
        let (server, server_addr) = service(Kind::Tcp).await;
        let ServerAddr::Tcp(addr) = server_addr else { unreachable!() };
        let backoff = Backoff::new().initial_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(20)).max_attempts(3);
        let mut client = ReconnectingClient::new(move || Client::<String, String, _>::connect(addr, Lines::new())).backoff(backoff);
        assert_eq!(client.call("one".into()).await.unwrap(), "one");
        server.stop().await.unwrap();
        assert!(matches!(timeout(LIMIT, client.next()).await.unwrap(), Err(ClientError::ConnectionLost(_))));
        let error = timeout(LIMIT, client.call("two".into())).await.unwrap().unwrap_err();
        assert!(matches!(&error, ClientError::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused), "{error}");
        let server = Server::new(Arc::new(TestService)).codec(Lines::new()).bind(addr).unwrap().spawn().await.unwrap();
        assert_eq!(timeout(LIMIT, client.call("three".into())).await.unwrap().unwrap(), "three");
        drop(client);
        server.stop().await.unwrap();
        // The server reads the request and closes: the client reports it as lost and does not
        // resend it. (The server accepts only one client.)
        let addr = server_that_answers(b"", 1);
        let mut client = ReconnectingClient::new(move || Client::<String, String, _>::connect(addr, Lines::new()));
        assert!(matches!(timeout(LIMIT, client.call("x".into())).await.unwrap(), Err(ClientError::ConnectionLost(_))));
    }

    async fn a_blocking_client_reconnects_after_a_restart_and_reports_lost_requests() {
        let (server, server_addr) = service(Kind::Tcp).await;
        let ServerAddr::Tcp(addr) = server_addr else { unreachable!() };
        let backoff = Backoff::new().initial_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(20)).max_attempts(3);
        let mut client = reconnecting(move || Ok(LinesBlockingClient::connect(addr, Lines::new())?.timeout(LIMIT))).backoff(backoff);
        assert!(!client.is_connected());
        let (answer, client) = blocking(move || (client.call("one".into()), client)).await;
        assert_eq!(answer.unwrap(), "one");
        server.stop().await.unwrap();
        // `next` reports the lost connection once; after that, connecting fails.
        let mut client = client;
        let (lost, refused, mut client) = blocking(move || (client.next(), client.call("two".into()), client)).await;
        assert!(matches!(lost, Err(ClientError::ConnectionLost(_))));
        assert!(matches!(&refused, Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused), "{refused:?}");
        for (n, text) in ["three", "four"].into_iter().enumerate() {
            let server = Server::new(Arc::new(TestService)).codec(Lines::new()).bind(addr).unwrap().spawn().await.unwrap();
            let (answer, back) = blocking(move || (client.call(text.into()), client)).await;
            // The second time the connection was closed while no request was pending: it is
            // replaced silently.
            assert_eq!(answer.unwrap(), text, "{n}");
            client = back;
            server.stop().await.unwrap();
        }
        // The server reads the request and closes.
        let addr = server_that_answers(b"", 1);
        let mut client = reconnecting(move || Ok(LinesBlockingClient::connect(addr, Lines::new())?));
        assert!(blocking(move || matches!(client.call("x".into()), Err(ClientError::ConnectionLost(_)))).await);
        // Two requests and one response: the second request is lost and is not sent again.
        let addr = server_that_answers(b"1\n", 2);
        let mut client = reconnecting(move || Ok(LinesBlockingClient::connect(addr, Lines::new())?.timeout(LIMIT)));
        let outcome = blocking(move || {
            client.send("one".into()).unwrap();
            client.send("two".into()).unwrap();
            (client.next().unwrap(), client.next())
        });
        let (one, two) = outcome.await;
        assert_eq!(one, "1");
        assert!(matches!(two, Err(ClientError::ConnectionLost(_))), "{two:?}");
    }

    async fn a_blocking_client_detects_a_closed_stream_of_every_kind_without_waiting() {
        for kind in [Kind::Tcp, Kind::Tls, Kind::Unix, Kind::UnixTls] {
            let (server, server_addr) = service(kind).await;
            let mut client = reconnecting(move || {
                let config = client_config(None, &[]);
                let client = match &server_addr {
                    ServerAddr::Tcp(addr) => LinesBlockingClient::connect(addr, Lines::new()),
                    ServerAddr::Tls(addr) => LinesBlockingClient::connect(Tcp::new(addr).tls(ClientTls::new("localhost", config)), Lines::new()),
                    ServerAddr::Unix(path, _) => LinesBlockingClient::connect(Unix::new(path), Lines::new()),
                    ServerAddr::UnixTls(path, _) => LinesBlockingClient::connect(Unix::new(path).tls(ClientTls::new("localhost", config)), Lines::new()),
                };
                Ok(client?.timeout(LIMIT))
            })
            .backoff(Backoff::new().max_attempts(1));
            let mut client = blocking(move || {
                for n in 0..20 {
                    assert_eq!(client.call(n.to_string()).unwrap(), n.to_string());
                }
                client
            }).await;
            server.stop().await.unwrap();
            // The client detects the closed connection before it sends. Nothing is lost, and
            // connecting fails.
            let error = blocking(move || client.call("x".into())).await.unwrap_err();
            assert!(matches!(error, ClientError::Io(_)), "{kind:?}: {error:?}");
        }
    }

    async fn a_late_response_is_not_returned_to_the_next_call() {
        let (server, server_addr) = service(Kind::Tcp).await;
        let ServerAddr::Tcp(addr) = server_addr else { unreachable!() };
        let mut client = reconnecting(move || Ok(LinesBlockingClient::connect(addr, Lines::new())?.timeout(SHORT)));
        let (lost, connected, waited, still) = blocking(move || {
            let lost = client.call("never".into());
            let connected = client.is_connected();
            // A timeout of `next` keeps the connection.
            (lost, connected, timed_out(client.next()), client.is_connected())
        }).await;
        assert!(matches!(&lost, Err(ClientError::ConnectionLost(error)) if error.kind() == io::ErrorKind::TimedOut), "{lost:?}");
        assert_eq!((connected, waited, still), (false, true, true));
        server.stop_within(Duration::ZERO).await.unwrap();
    }
}

fn reconnecting(
    connect: impl FnMut() -> Result<LinesBlockingClient, ClientError> + Send + 'static,
) -> BlockingReconnectingClient<String, String, Lines> {
    BlockingReconnectingClient::new(connect)
}
