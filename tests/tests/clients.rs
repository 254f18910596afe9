//! Clients over every kind of stream, on a loop and on a thread: what they are told, and how long
//! they wait.

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use futures::StreamExt;
use portcullis::codec::{Codec, DecodeError, EncodeError};
use portcullis::prelude::*;
use portcullis::{
    Backoff, BlockingClient, BlockingReconnectingClient, Client, ClientError, ClientTls, JsonLines,
    ReconnectingClient, RunningServer, Tcp, Unix,
};
use portcullis_tests::pki::{client_config, strangers};
use portcullis_tests::streams::{Folder, Kind, Way, bind};
use portcullis_tests::{LIMIT, on_loops};
use socket2::SockRef;
use tokio::time::timeout;

const SHORT: Duration = Duration::from_millis(100);

struct Desk;

#[service]
impl Desk {
    #[request]
    async fn ask(&self, line: String) -> String {
        if line == "never" {
            std::future::pending::<()>().await;
        }
        line
    }
}

async fn desk(kind: Kind) -> (RunningServer, Way) {
    let (server, way) = bind(kind, Server::new(Arc::new(Desk)).codec(Lines::new()));
    (server.spawn().await.unwrap(), way)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = tokio::sync::oneshot::channel();
    thread::spawn(move || tell.send(work()).ok());
    timeout(LIMIT, told).await.expect("in time").expect("no panic")
}

fn timed_out<T>(result: Result<T, ClientError>) -> bool {
    matches!(result, Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::TimedOut)
}

macro_rules! talks {
    ($client:expr) => {{
        let mut client = $client.timeout(LIMIT);
        assert_eq!(client.call("hello".into()).await.unwrap(), "hello");
        let (mut sends, mut receives) = client.into_split();
        let sending = tokio::spawn(async move {
            for n in 0..500 {
                sends.send(n.to_string()).await.unwrap();
            }
            sends.finish().await.unwrap();
            sends
        });
        for n in 0..500 {
            assert_eq!(receives.next().await.unwrap().unwrap(), n.to_string());
        }
        assert!(StreamExt::next(&mut receives).await.is_none());
        sending.await.unwrap();
    }};
}

type Asking = BlockingClient<String, String, Lines>;

fn talks_blocking(client: Asking) {
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

/// A server that takes one client, answers its first line with `answer`, in writes of so many
/// bytes, and closes.
fn answers(answer: &'static [u8], size: usize) -> SocketAddr {
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

type Dripped = BlockingClient<String, String, Looks>;

/// Lines, and a word each time that it is looked whether there is one.
#[derive(Clone)]
struct Looks(Lines, mpsc::Sender<()>);

impl Codec<String, String> for Looks {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<String>, DecodeError> {
        let _ = self.1.send(());
        Codec::<String, String>::decode(&mut self.0, input)
    }

    fn encode(&mut self, line: String, output: &mut BytesMut) -> Result<(), EncodeError> {
        self.0.encode(line, output)
    }
}

/// A server that sends its client a byte each time that the one before was looked at, and never a
/// whole line.
fn drips() -> (SocketAddr, Looks) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (tell, looked) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        while looked.recv().is_ok() && stream.write_all(b"x").is_ok() {}
    });
    (addr, Looks(Lines::new().max_length(1 << 20), tell))
}

on_loops! {
    async fn a_client_talks_over_every_kind_of_stream() {
        for kind in [Kind::Tcp, Kind::Tls, Kind::Unix, Kind::UnixTls] {
            let (server, way) = desk(kind).await;
            match &way {
                Way::Tcp(addr) => {
                    let client = Client::<String, String, _>::connect_timeout(addr, Lines::new(), LIMIT).await.unwrap();
                    assert!(client.get_ref().nodelay().unwrap());
                    talks!(client);
                }
                Way::Tls(addr) => {
                    let config = client_config(None, &[]);
                    talks!(Client::<String, String, _>::connect_timeout(Tcp::new(addr).tls(ClientTls::new("localhost", config)), Lines::new(), LIMIT).await.unwrap());
                }
                Way::Unix(path, _) => talks!(Client::<String, String, _>::connect(Unix::new(path), Lines::new()).await.unwrap()),
                Way::UnixTls(path, _) => {
                    let config = client_config(None, &[]);
                    talks!(Client::<String, String, _>::connect(Unix::new(path).tls(ClientTls::new("localhost", config)), Lines::new()).await.unwrap());
                }
            }
            server.stop().await.unwrap();
        }
    }

    async fn a_blocking_client_talks_over_every_kind_of_stream() {
        for kind in [Kind::Tcp, Kind::Tls, Kind::Unix, Kind::UnixTls] {
            let (server, way) = desk(kind).await;
            let connected = blocking(move || {
                talks_blocking(match &way {
                    Way::Tcp(addr) => Asking::connect_timeout(addr, Lines::new(), LIMIT).unwrap(),
                    Way::Tls(addr) => {
                        Asking::connect_timeout(Tcp::new(addr).tls(ClientTls::new("localhost", client_config(None, &[]))), Lines::new(), LIMIT).unwrap()
                    }
                    Way::Unix(path, _) => Asking::connect(Unix::new(path), Lines::new()).unwrap(),
                    Way::UnixTls(path, _) => {
                        Asking::connect(Unix::new(path).tls(ClientTls::new("localhost", client_config(None, &[]))), Lines::new()).unwrap()
                    }
                });
                true
            });
            assert!(connected.await);
            server.stop().await.unwrap();
        }
    }

    async fn a_server_of_another_name_or_of_none_is_refused() {
        let (server, way) = desk(Kind::Tls).await;
        let Way::Tls(addr) = way else { unreachable!() };
        for (name, kind) in [("example.com", io::ErrorKind::InvalidData), ("no name", io::ErrorKind::InvalidInput)] {
            let config = client_config(Some(&strangers().client), &[]);
            let connected = Client::<String, String, _>::connect(Tcp::new(addr).tls(ClientTls::new(name, config.clone())), Lines::new()).await;
            assert_eq!(connected.unwrap_err().kind(), kind);
            let connected = blocking(move || Asking::connect(Tcp::new(addr).tls(ClientTls::new(name, config)), Lines::new())).await;
            assert_eq!(connected.unwrap_err().kind(), kind);
        }
        server.stop().await.unwrap();
    }

    async fn a_handshake_with_who_never_answers_has_a_limit() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = silent.local_addr().unwrap();
        let config = client_config(None, &[]);
        let connected = Client::<String, String, _>::connect_timeout(Tcp::new(addr).tls(ClientTls::new("localhost", config.clone())), Lines::new(), SHORT);
        assert_eq!(connected.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let tls = ClientTls::new("localhost", config);
        let tcp = Tcp::new(addr).tls(tls.clone());
        let connected = blocking(move || Asking::connect_timeout(tcp, Lines::new(), SHORT)).await;
        assert_eq!(connected.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // Over a Unix socket, too.
        let folder = Folder::new();
        let _silent = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
        let unix = Unix::new(folder.join("socket")).tls(tls);
        let connected = Client::<String, String, _>::connect_timeout(unix.clone(), Lines::new(), SHORT).await;
        assert_eq!(connected.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let connected = blocking(move || Asking::connect_timeout(unix, Lines::new(), SHORT)).await;
        assert_eq!(connected.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    async fn the_options_of_an_address_are_those_of_the_clients_socket() {
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

    async fn every_operation_has_a_limit() {
        let (server, way) = desk(Kind::Tcp).await;
        let Way::Tcp(addr) = way else { unreachable!() };
        let mut client = Client::<String, String, _>::connect(addr, Lines::new()).await.unwrap().timeout(SHORT);
        assert!(timed_out(client.call("never".into()).await));
        assert!(blocking(move || timed_out(Asking::connect(addr, Lines::new()).unwrap().timeout(SHORT).call("never".into()))).await);
        // However little comes at a time.
        let (addr, codec) = drips();
        assert!(blocking(move || timed_out(Dripped::connect(addr, codec).unwrap().timeout(SHORT).call("x".into()))).await);
        let (addr, codec) = drips();
        let mut dripped = Client::<String, String, _>::connect(addr, codec).await.unwrap().timeout(SHORT);
        assert!(timed_out(dripped.call("x".into()).await));
        drop((client, dripped));
        // Its handlers never end.
        server.stop_within(Duration::ZERO).await.unwrap();
    }

    async fn a_response_may_come_byte_by_byte() {
        const ANSWER: &[u8] = "{\"text\":\"äöü\"}\n[1]\n".as_bytes();
        type Value = std::collections::BTreeMap<String, String>;
        for size in 1..ANSWER.len() {
            let addr = answers(ANSWER, size);
            let mut client = Client::<u8, Value, _>::connect(addr, JsonLines::new()).await.unwrap().timeout(LIMIT);
            assert_eq!(client.call(1).await.unwrap()["text"], "äöü");
            // The next one is none, and the one behind it is the end.
            assert!(matches!(StreamExt::next(&mut client).await, Some(Err(ClientError::Decode(_)))));
            assert!(StreamExt::next(&mut client).await.is_none());
        }
    }

    async fn a_peer_that_closes_in_the_middle_is_told() {
        let answer = |n| answers(&b"{\"a\":1}\n"[..n], 8);
        type Value = std::collections::BTreeMap<String, u8>;
        let addr = answer(0);
        let mut client = Client::<u8, Value, _>::connect(addr, JsonLines::new()).await.unwrap().timeout(LIMIT);
        assert!(matches!(client.call(1).await, Err(ClientError::Closed)));
        let addr = answer(4);
        let mut client = Client::<u8, Value, _>::connect(addr, JsonLines::new()).await.unwrap().timeout(LIMIT);
        assert!(matches!(client.call(1).await, Err(ClientError::Decode(_))));
        let addr = answer(4);
        let told = blocking(move || {
            let mut client = BlockingClient::<u8, Value, _>::connect(addr, JsonLines::new()).unwrap().timeout(LIMIT);
            client.send(1).unwrap();
            let mut packets = client.incoming();
            (matches!(packets.next(), Some(Err(ClientError::Decode(_)))), packets.next().is_none())
        });
        assert_eq!(told.await, (true, true));
    }

    async fn a_server_that_comes_back_is_found_again_and_what_was_lost_is_told() {
        let (server, way) = desk(Kind::Tcp).await;
        let Way::Tcp(addr) = way else { unreachable!() };
        let backoff = Backoff::new().initial_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(20)).max_attempts(3);
        let mut client = ReconnectingClient::new(move || Client::<String, String, _>::connect(addr, Lines::new())).backoff(backoff);
        assert_eq!(client.call("one".into()).await.unwrap(), "one");
        server.stop().await.unwrap();
        assert!(matches!(timeout(LIMIT, client.next()).await.unwrap(), Err(ClientError::ConnectionLost(_))));
        let error = timeout(LIMIT, client.call("two".into())).await.unwrap().unwrap_err();
        assert!(matches!(&error, ClientError::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused), "{error}");
        let server = Server::new(Arc::new(Desk)).codec(Lines::new()).bind(addr).unwrap().spawn().await.unwrap();
        assert_eq!(timeout(LIMIT, client.call("three".into())).await.unwrap().unwrap(), "three");
        drop(client);
        server.stop().await.unwrap();
        // Taken, and never answered: lost, and not asked again (that server takes one client).
        let addr = answers(b"", 1);
        let mut client = ReconnectingClient::new(move || Client::<String, String, _>::connect(addr, Lines::new()));
        assert!(matches!(timeout(LIMIT, client.call("x".into())).await.unwrap(), Err(ClientError::ConnectionLost(_))));
    }

    async fn a_blocking_client_finds_a_server_again_and_tells_what_was_lost() {
        let (server, way) = desk(Kind::Tcp).await;
        let Way::Tcp(addr) = way else { unreachable!() };
        let backoff = Backoff::new().initial_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(20)).max_attempts(3);
        let mut client = again(move || Ok(Asking::connect(addr, Lines::new())?.timeout(LIMIT))).backoff(backoff);
        assert!(!client.is_connected());
        let (answer, client) = blocking(move || (client.call("one".into()), client)).await;
        assert_eq!(answer.unwrap(), "one");
        server.stop().await.unwrap();
        // Told once, by who waits for a packet; and then there is nobody.
        let mut client = client;
        let (lost, nobody, mut client) = blocking(move || (client.next(), client.call("two".into()), client)).await;
        assert!(matches!(lost, Err(ClientError::ConnectionLost(_))));
        assert!(matches!(&nobody, Err(ClientError::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused), "{nobody:?}");
        for (n, text) in ["three", "four"].into_iter().enumerate() {
            let server = Server::new(Arc::new(Desk)).codec(Lines::new()).bind(addr).unwrap().spawn().await.unwrap();
            let (answer, back) = blocking(move || (client.call(text.into()), client)).await;
            // The second time the connection was closed while nothing was asked: it is replaced
            // without a word.
            assert_eq!(answer.unwrap(), text, "{n}");
            client = back;
            server.stop().await.unwrap();
        }
        // Taken, and never answered.
        let addr = answers(b"", 1);
        let mut client = again(move || Ok(Asking::connect(addr, Lines::new())?));
        assert!(blocking(move || matches!(client.call("x".into()), Err(ClientError::ConnectionLost(_)))).await);
        // Asked, answered once of twice, and not sent again.
        let addr = answers(b"1\n", 2);
        let mut client = again(move || Ok(Asking::connect(addr, Lines::new())?.timeout(LIMIT)));
        let told = blocking(move || {
            client.send("one".into()).unwrap();
            client.send("two".into()).unwrap();
            (client.next().unwrap(), client.next())
        });
        let (one, two) = told.await;
        assert_eq!(one, "1");
        assert!(matches!(two, Err(ClientError::ConnectionLost(_))), "{two:?}");
    }

    async fn a_blocking_client_looks_for_the_end_of_every_kind_of_stream_without_waiting() {
        for kind in [Kind::Tcp, Kind::Tls, Kind::Unix, Kind::UnixTls] {
            let (server, way) = desk(kind).await;
            let mut client = again(move || {
                let config = client_config(None, &[]);
                let client = match &way {
                    Way::Tcp(addr) => Asking::connect(addr, Lines::new()),
                    Way::Tls(addr) => Asking::connect(Tcp::new(addr).tls(ClientTls::new("localhost", config)), Lines::new()),
                    Way::Unix(path, _) => Asking::connect(Unix::new(path), Lines::new()),
                    Way::UnixTls(path, _) => Asking::connect(Unix::new(path).tls(ClientTls::new("localhost", config)), Lines::new()),
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
            // It was seen to be gone before anything was sent: so nothing is lost, and there is
            // nobody to connect to.
            let error = blocking(move || client.call("x".into())).await.unwrap_err();
            assert!(matches!(error, ClientError::Io(_)), "{kind:?}: {error:?}");
        }
    }

    async fn a_call_that_takes_too_long_leaves_no_answer_to_the_next_one() {
        let (server, way) = desk(Kind::Tcp).await;
        let Way::Tcp(addr) = way else { unreachable!() };
        let mut client = again(move || Ok(Asking::connect(addr, Lines::new())?.timeout(SHORT)));
        let (lost, connected, waited, still) = blocking(move || {
            let lost = client.call("never".into());
            let connected = client.is_connected();
            // A wait may be gone on with.
            (lost, connected, timed_out(client.next()), client.is_connected())
        }).await;
        assert!(matches!(&lost, Err(ClientError::ConnectionLost(error)) if error.kind() == io::ErrorKind::TimedOut), "{lost:?}");
        assert_eq!((connected, waited, still), (false, true, true));
        server.stop_within(Duration::ZERO).await.unwrap();
    }
}

fn again(
    connect: impl FnMut() -> Result<Asking, ClientError> + Send + 'static,
) -> BlockingReconnectingClient<String, String, Lines> {
    BlockingReconnectingClient::new(connect)
}
