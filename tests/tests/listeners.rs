//! Several listeners on one server: mixed kinds, user-defined transports, and sockets from systemd;
//! shared limits, and socket options of TCP listeners.

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use portcullis::codec::Utf8;
use portcullis::prelude::*;
use portcullis::{
    Accepted, BlockingEndpoint, Client, Datagrams, InheritedKind, InheritedSocket, Interrupted, Listener,
    OverTls, RunningServer, Tcp, Udp, Unix, UnixDatagram, listen_fds,
};
use portcullis_tests::pki::{client_config, server_tls};
use portcullis_tests::streams::{Conn, TempDir, tcp, tls};
use portcullis_tests::{LIMIT, on_loops, wait};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

#[derive(Default)]
struct TestService {
    connected: AtomicUsize,
    ended: AtomicUsize,
}

#[service]
impl TestService {
    #[on(connect)]
    async fn connected(&self) {
        self.connected.fetch_add(1, SeqCst);
    }

    #[request]
    async fn handle(&self, peer: &Peer<String>, line: String) -> String {
        match line.as_str() {
            "medium" => peer.extension::<Medium>().map_or("network", |medium| medium.0).into(),
            "who" => format!(
                "ip {} tls {} unix {}",
                peer.addr().is_some(),
                peer.tls().is_some(),
                peer.credentials().is_some()
            ),
            _ => line,
        }
    }

    #[on(disconnect)]
    async fn disconnected(&self) {
        self.ended.fetch_add(1, SeqCst);
    }
}

fn service() -> (Arc<TestService>, Server<TestService, Lines>) {
    let service = Arc::new(TestService::default());
    (Arc::clone(&service), Server::new(service).codec(Lines::new()))
}

async fn unix(path: impl Into<PathBuf>) -> Conn {
    Conn::Unix(UnixStream::connect(path.into()).await.unwrap())
}

async fn encrypted(addr: SocketAddr) -> Conn {
    tls(addr, client_config(None, &[])).await.unwrap()
}

async fn plain(addr: SocketAddr) -> Conn {
    Conn::Tcp(tcp(addr).await)
}

async fn stop(server: RunningServer) {
    let report = timeout(LIMIT, server.stop()).await.expect("in time").unwrap();
    assert!(report.is_clean(), "{report}");
}

/// The information that the transport gives about a connection.
struct Medium(&'static str);

/// A user-defined transport: in-memory pipes.
struct Pipes {
    accepted: mpsc::UnboundedReceiver<io::Result<(DuplexStream, SocketAddr)>>,
    is_started: bool,
}

impl Pipes {
    fn new() -> (mpsc::UnboundedSender<io::Result<(DuplexStream, SocketAddr)>>, Self) {
        let (connect, accepted) = mpsc::unbounded_channel();
        (connect, Self { accepted, is_started: false })
    }
}

impl Listener for Pipes {
    type Stream = DuplexStream;

    fn start(&mut self) -> io::Result<()> {
        assert!(!self.is_started, "it is started once");
        self.is_started = true;
        Ok(())
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<DuplexStream>>> {
        assert!(self.is_started);
        match ready!(self.accepted.poll_recv(cx)) {
            Some(Err(error)) if error.kind() == io::ErrorKind::Other => panic!("{error}"),
            Some(accepted) => Poll::Ready(
                accepted
                    .map(|(stream, addr)| Accepted::new(stream).peer_addr(addr).extension(Medium("memory"))),
            ),
            None => Poll::Pending,
        }
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Some(SocketAddr::from(([192, 0, 2, 1], 7)))
    }
}

on_loops! {
    async fn a_user_defined_transport_is_served_like_the_built_in_ones() {
        let (service, server) = service();
        let (connect, pipes) = Pipes::new();
        let (connect_tls, tls_pipes) = Pipes::new();
        let server = server
            .listen(pipes).unwrap()
            .listen(OverTls::new(tls_pipes, server_tls().build().unwrap())).unwrap()
            .bind("127.0.0.1:0").unwrap()
            .max_connections_per_ip(1);
        let running = server.spawn().await.unwrap();
        let at = |n| SocketAddr::from(([192, 0, 2, n], 7));
        assert_eq!(running.local_addrs()[..2], [at(1), at(1)]);
        let pipe = |n| {
            let (near, far) = tokio::io::duplex(1024);
            (Client::<String, String, _, _>::from_stream(near, Lines::new()).timeout(LIMIT), Ok((far, at(n))))
        };
        let (mut first, stream) = pipe(2);
        connect.send(stream).unwrap();
        assert_eq!(first.call("who".into()).await.unwrap(), "ip true tls false unix false");
        assert_eq!(first.call("medium".into()).await.unwrap(), "memory");
        // `max_connections_per_ip(1)` counts these addresses.
        let (mut second, stream) = pipe(2);
        connect.send(stream).unwrap();
        assert!(second.next().await.unwrap().is_none());
        // An error or a panic of the listener does not end the server.
        connect.send(Err(io::ErrorKind::ConnectionAborted.into())).unwrap();
        connect.send(Err(io::Error::other("the listener panics"))).unwrap();
        let (mut third, stream) = pipe(4);
        connect.send(stream).unwrap();
        assert_eq!(third.call("x".into()).await.unwrap(), "x");
        // TLS over the transport.
        let (near, far) = tokio::io::duplex(1024);
        connect_tls.send(Ok((far, at(5)))).unwrap();
        let name = "localhost".try_into().unwrap();
        let connecting = tokio_rustls::TlsConnector::from(client_config(None, &[])).connect(name, near);
        let near = timeout(LIMIT, connecting).await.unwrap().unwrap();
        let mut fourth = Client::<String, String, _, _>::from_stream(near, Lines::new()).timeout(LIMIT);
        assert_eq!(fourth.call("who".into()).await.unwrap(), "ip true tls true unix false");
        assert_eq!(fourth.call("medium".into()).await.unwrap(), "memory");
        // TCP on the same server.
        assert_eq!(plain(running.local_addrs()[2]).await.call("y").await, "y");
        stop(running).await;
        assert_eq!((service.connected.load(SeqCst), service.ended.load(SeqCst)), (4, 4));
        // The listener is dropped with the server.
        assert!(connect.is_closed());
    }

    async fn one_server_listens_on_all_kinds_at_once() {
        let dir = TempDir::new();
        let (service, server) = service();
        let server = server
            .bind("127.0.0.1:0").unwrap()
            .listen(Tcp::new("127.0.0.1:0").tls(server_tls().build().unwrap())).unwrap()
            .listen(Unix::new(dir.join("one"))).unwrap()
            .listen(Unix::new(dir.join("two"))).unwrap()
            .bind("127.0.0.1:0").unwrap();
        let addrs = server.local_addrs();
        assert_eq!((addrs.len(), server.unix_addrs().len()), (3, 2));
        assert!(addrs.iter().all(|addr| addr.port() != 0));
        assert_eq!(server.local_addr(), addrs[0]);
        let running = server.spawn().await.unwrap();
        assert_eq!(running.local_addrs(), addrs);
        let mut all = [
            plain(addrs[0]).await, encrypted(addrs[1]).await, unix(dir.join("one")).await, unix(dir.join("two")).await,
            plain(addrs[2]).await,
        ];
        let ip = "ip true tls false unix false";
        let local = "ip false tls false unix true";
        for (stream, who) in all.iter_mut().zip([ip, "ip true tls true unix false", local, local, ip]) {
            assert_eq!(stream.call("who").await, who);
        }
        // One stop for all of them.
        stop(running).await;
        for stream in &mut all {
            assert_eq!(stream.read_remaining().await, b"");
        }
        assert_eq!((service.connected.load(SeqCst), service.ended.load(SeqCst)), (5, 5));
        for addr in addrs {
            assert!(TcpStream::connect(addr).await.is_err());
        }
    }

    async fn s2_max_connections_applies_to_all_listeners_together() {
        let dir = TempDir::new();
        let (service, server) = service();
        let server = server.max_connections(2).bind("127.0.0.1:0").unwrap().listen(Unix::new(dir.join("socket"))).unwrap();
        let running = server.spawn().await.unwrap();
        let addr = running.local_addr();
        let (mut one, mut two) = (plain(addr).await, unix(dir.join("socket")).await);
        assert_eq!((one.call("1").await, two.call("2").await), ("1".into(), "2".into()));
        // One client waits at each listener; a free slot is free for both.
        let (mut three, mut four) = (unix(dir.join("socket")).await, plain(addr).await);
        three.send("3\n").await;
        four.send("4\n").await;
        drop(one);
        wait(|| service.connected.load(SeqCst) == 3).await;
        drop(two);
        assert_eq!((three.line().await, four.line().await), ("3".into(), "4".into()));
        drop((three, four));
        stop(running).await;
    }

    async fn s2_max_connections_per_ip_bounds_one_address() {
        async fn from(ip: [u8; 4], to: SocketAddr) -> Conn {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((Ipv4Addr::from(ip), 0).into()).unwrap();
            Conn::Tcp(socket.connect(to).await.unwrap())
        }
        let dir = TempDir::new();
        let (service, server) = service();
        let running = server
            .max_connections_per_ip(2)
            .bind("127.0.0.1:0").unwrap()
            .listen(Tcp::new("127.0.0.1:0").tls(server_tls().build().unwrap())).unwrap()
            .listen(Unix::new(dir.join("socket"))).unwrap()
            .spawn().await.unwrap();
        let addrs = running.local_addrs().to_vec();
        let mut one = from([127, 0, 0, 1], addrs[0]).await;
        assert_eq!(one.call("1").await, "1");
        // A connection counts from the beginning of its handshake.
        let shaking = tcp(addrs[1]).await;
        let mut third = loop {
            // Accepting is fair, but not ordered: the handshake may be accepted after this
            // connection.
            let mut third = from([127, 0, 0, 1], addrs[0]).await;
            third.write_all(b"3\n").await.unwrap();
            match timeout(LIMIT, third.read_u8()).await.expect("in time") {
                Ok(_) => drop(third),
                Err(_) => break third,
            }
            let connected = service.connected.load(SeqCst);
            wait(|| service.ended.load(SeqCst) == connected - 1).await;
        };
        // Closed at once.
        assert!(third.read_u8().await.is_err());
        // Other addresses are accepted, and so are connections without an address.
        let (mut other, mut local) = (from([127, 0, 0, 2], addrs[0]).await, unix(dir.join("socket")).await);
        assert_eq!((other.call("x").await, local.call("y").await), ("x".into(), "y".into()));
        // Each disconnect admits one client.
        drop(shaking);
        let mut again = loop {
            let mut again = from([127, 0, 0, 1], addrs[0]).await;
            if again.write_all(b"again\n").await.is_ok() && timeout(LIMIT, again.read_u8()).await.expect("in time").is_ok() {
                break again;
            }
        };
        assert_eq!(again.line().await, "gain");
        drop((one, other, local, again));
        stop(running).await;
    }

    async fn sockets_created_by_the_user_are_served() {
        let dir = TempDir::new();
        let (_, server) = service();
        let (one, two) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let local = UnixListener::bind(dir.join("socket")).unwrap();
        let two = Tcp::from(two).tls(server_tls().build().unwrap());
        let server = server.listen(one).unwrap().listen(two).unwrap().listen(local).unwrap();
        let running = server.spawn().await.unwrap();
        let addrs = running.local_addrs().to_vec();
        assert_eq!(plain(addrs[0]).await.call("1").await, "1");
        assert_eq!(encrypted(addrs[1]).await.call("2").await, "2");
        assert_eq!(unix(dir.join("socket")).await.call("3").await, "3");
        stop(running).await;
    }

    async fn ready_is_false_for_a_server_that_is_dropped_before_it_serves() {
        let server = Server::new(Arc::new(TestService::default())).codec(Lines::new()).bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let ready = tokio::spawn({ let handle = handle.clone(); async move { handle.ready().await } });
        drop(server);
        assert!(!ready.await.unwrap());
        assert!(!handle.ready().await);
        // The same if the future of `serve` is dropped before its first poll.
        let server = Server::new(Arc::new(TestService::default())).codec(Lines::new()).bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        drop(server.serve());
        assert!(!handle.ready().await);
    }

    async fn several_servers_share_a_port_with_reuse_port() {
        let (_, first) = service();
        let first = first.listen(Tcp::new("127.0.0.1:0").reuse_port(true)).unwrap().spawn().await.unwrap();
        let addr = first.local_addr();
        assert_eq!(service().1.bind(addr).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let (_, second) = service();
        let second = second.listen(Tcp::new(addr).reuse_port(true)).unwrap().spawn().await.unwrap();
        stop(first).await;
        assert_eq!(plain(addr).await.call("x").await, "x");
        stop(second).await;
    }

    async fn a_port_can_be_rebound_while_old_connections_linger() {
        let (_, server) = service();
        let running = server.bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
        let addr = running.local_addr();
        let mut stream = plain(addr).await;
        assert_eq!(stream.call("x").await, "x");
        // The server closes first, so its side is in TIME_WAIT.
        stop(running).await;
        assert_eq!(stream.read_remaining().await, b"");
        drop(stream);
        let running = service().1.bind(addr).unwrap().spawn().await.unwrap();
        assert_eq!(plain(addr).await.call("x").await, "x");
        stop(running).await;
    }
}

#[test]
fn spawn_thread_serves_unix_sockets_without_an_ip_address() {
    let dir = TempDir::new();
    let path = dir.join("socket");
    let server = service().1.listen(Unix::new(&path)).unwrap().spawn_thread().unwrap();
    assert_eq!(server.unix_addrs()[0].as_pathname(), Some(&*path));
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(b"x\n").unwrap();
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).unwrap();
    assert_eq!(line, "x\n");
    let report = server.stop_within(Duration::from_secs(5)).unwrap();
    assert!(report.is_clean() && report.sessions_finished == 1, "{report}");
    assert!(!path.exists());
}

const ROLE: &str = "PORTCULLIS_TEST_LISTEN_FDS";

/// Not a test: the code of the child process of the next test.
#[test]
fn the_child() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let listeners = listen_fds().unwrap();
    let description = |found: &InheritedSocket| {
        let kind = match found.kind {
            InheritedKind::Tcp(_) => "TCP",
            InheritedKind::Unix(_) => "Unix",
            InheritedKind::Udp(_) => "UDP",
            InheritedKind::UnixDatagram(_) => "Unix datagrams",
            _ => "?",
        };
        format!("{} {kind}", found.name.as_deref().unwrap_or("-"))
    };
    let description: Vec<_> = listeners.iter().map(description).collect();
    assert!(listen_fds().unwrap().is_empty(), "they are handed over once");
    let mut server = service().1.bind("127.0.0.1:0").unwrap();
    let text = Datagrams::<Utf8>::new;
    for found in listeners {
        server = match found.kind {
            InheritedKind::Tcp(listener) => server.listen(listener),
            InheritedKind::Unix(listener) => server.listen(listener),
            InheritedKind::Udp(socket) => server.listen(Udp::from_std(socket, text())),
            InheritedKind::UnixDatagram(socket) => server.listen(UnixDatagram::from_std(socket, text())),
            other => panic!("{other:?}"),
        }
        .unwrap();
    }
    let server = server.spawn_thread().unwrap();
    eprintln!("\nserving {description:?}");
    // Runs until the parent kills it, or ends by itself if the parent has died.
    std::thread::sleep(LIMIT);
    drop(server);
    std::process::exit(1);
}

/// Kills the child when the test ends.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a child that inherits these two sockets with these names by systemd's protocol, and
/// returns what it prints about them.
fn child_with(one: OwnedFd, two: OwnedFd, names: &str) -> (KillOnDrop, String) {
    // systemd's protocol: sockets from descriptor 3 on, their number, and the process that they are
    // for. The shell gets them as its standard input and output, and moves them.
    let script = "exec 3<&0 4<&1 </dev/null >/dev/null; export LISTEN_FDS=2 LISTEN_PID=$$; exec \"$0\" --exact the_child --nocapture";
    let child = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(ROLE, "1")
        .env("LISTEN_FDNAMES", names)
        .stdin(Stdio::from(one))
        .stdout(Stdio::from(two))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = KillOnDrop(child);
    let lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let description = lines.map(Result::unwrap).find(|line| line.starts_with("serving"));
    (child, description.expect("it serves"))
}

#[test]
fn datagram_sockets_from_systemd_are_served() {
    let dir = TempDir::new();
    let path = dir.join("socket");
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = udp.local_addr().unwrap();
    let unix = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let (_child, description) = child_with(udp.into(), unix.into(), "");
    assert_eq!(description, "serving [\"- UDP\", \"- Unix datagrams\"]");
    let text = Datagrams::<Utf8>::new;
    let mut asks =
        BlockingEndpoint::<String, String, _>::connect(Udp::new(addr, text())).unwrap().timeout(LIMIT);
    assert_eq!(asks.call("x".into()).unwrap(), "x");
    let asks = BlockingEndpoint::<String, String, _>::connect(UnixDatagram::new(&*path, text()));
    assert_eq!(asks.unwrap().timeout(LIMIT).call("x".into()).unwrap(), "x");
}

#[test]
fn stream_sockets_from_systemd_are_served() {
    let dir = TempDir::new();
    let path = dir.join("socket");
    let (one, two) = (TcpListener::bind("127.0.0.1:0").unwrap(), UnixListener::bind(&path).unwrap());
    let addr = one.local_addr().unwrap();
    let (_child, description) = child_with(one.into(), two.into(), "web:control");
    assert_eq!(description, "serving [\"web TCP\", \"control Unix\"]");
    fn call(mut stream: impl Read + Write) {
        stream.write_all(b"x\n").unwrap();
        let mut back = [0; 2];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"x\n");
    }
    let stream = std::net::TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    call(stream);
    let stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    call(stream);
}

#[test]
fn without_systemd_no_sockets_are_inherited() {
    if std::env::var_os(ROLE).is_none() {
        assert!(listen_fds().unwrap().is_empty());
    }
}

/// How a [`Closing`] listener closes.
#[derive(Clone, Copy, PartialEq)]
enum Close {
    /// Refuses what it has received, and says so.
    Refuses,
    Never,
    Panics,
}

/// A user-defined transport that can be closed; it accepts one connection.
struct Closing {
    streams: mpsc::UnboundedReceiver<(DuplexStream, Instant)>,
    is_accepting: bool,
    how: Close,
    refused: mpsc::UnboundedSender<DuplexStream>,
}

impl Listener for Closing {
    type Stream = DuplexStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<DuplexStream>>> {
        match self.is_accepting.then(|| self.streams.poll_recv(cx)) {
            Some(Poll::Ready(Some((stream, deadline)))) => {
                self.is_accepting = false;
                Poll::Ready(Ok(Accepted::new(stream).deadline(deadline)))
            }
            _ => Poll::Pending,
        }
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<()> {
        match self.how {
            Close::Refuses => {
                while let Ok((stream, _)) = self.streams.try_recv() {
                    self.refused.send(stream).unwrap();
                }
                Poll::Ready(())
            }
            Close::Never => Poll::Pending,
            Close::Panics => panic!("a listener's own"),
        }
    }
}

/// Tells what deadline a handler and its job have.
struct Deadlines;

#[service]
impl Deadlines {
    #[request]
    async fn left(&self, _line: String) -> Result<String, Interrupted> {
        let of_job = Self::job().await?;
        Ok((portcullis::deadline() == of_job && of_job.is_some()).to_string())
    }

    #[blocking]
    fn job(worker: &Worker) -> Result<Option<Instant>, Interrupted> {
        assert_eq!(portcullis::deadline(), worker.deadline());
        Ok(worker.deadline())
    }
}

on_loops! {
    async fn a_listener_is_closed_while_the_server_stops() {
        for how in [Close::Refuses, Close::Never, Close::Panics] {
            let (connect, streams) = mpsc::unbounded_channel();
            let (refused_tx, mut refused) = mpsc::unbounded_channel();
            let listener = Closing { streams, is_accepting: true, how, refused: refused_tx };
            let server = Server::new(Deadlines).codec(Lines::new()).listen(listener).unwrap();
            let server = server.grace(Duration::from_millis(50)).spawn().await.unwrap();
            let later = Instant::now() + Duration::from_secs(60);
            let (stream, theirs) = tokio::io::duplex(64);
            connect.send((theirs, later)).unwrap();
            // Of a connection with a deadline, the jobs have that deadline.
            let mut stream = tokio::io::BufReader::new(stream);
            stream.write_all(b"x\n").await.unwrap();
            let mut line = String::new();
            timeout(LIMIT, stream.read_line(&mut line)).await.unwrap().unwrap();
            assert_eq!(line, "true\n");
            drop(stream);
            let (mut waiting, theirs) = tokio::io::duplex(64);
            connect.send((theirs, later)).unwrap();
            let report = timeout(LIMIT, server.stop()).await.expect("in time").unwrap();
            assert!(report.is_clean(), "{report}");
            let is_refused = refused.try_recv().is_ok();
            assert_eq!(is_refused, how == Close::Refuses);
            // Dropped with the listener, if it was not refused.
            assert_eq!(timeout(LIMIT, waiting.read(&mut [0])).await.unwrap().unwrap(), 0);
        }
    }
}
