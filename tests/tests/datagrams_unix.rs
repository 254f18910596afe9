//! Unix datagrams (D13): addresses of every kind, socket files, and peers that cannot be answered
//! or do not read.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::os::unix::net::UnixDatagram as StdUnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, io};

use portcullis::codec::Utf8;
use portcullis::prelude::*;
use portcullis::{
    BlockingEndpoint, Bound, ClientError, DatagramAddr, Datagrams, Endpoint, NoCodec, RunningServer,
    StopReport, UnixDatagram,
};
use portcullis_tests::{LIMIT, on_loops, wait};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// A new directory, which is removed when this is dropped.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("portcullis-{}-{}", std::process::id(), COUNT.fetch_add(1, SeqCst));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Echoes requests. `many` sends a thousand messages of a kilobyte.
struct Echo {
    begun: AtomicUsize,
    ended: Mutex<Vec<Reason>>,
    gate: Semaphore,
}

impl Default for Echo {
    fn default() -> Self {
        Self { begun: AtomicUsize::new(0), ended: Mutex::default(), gate: Semaphore::new(0) }
    }
}

#[service]
impl Echo {
    #[request]
    async fn echo(&self, peer: &Peer<String>, request: String) -> String {
        self.begun.fetch_add(1, SeqCst);
        match request.as_str() {
            "hold" => self.gate.acquire().await.unwrap().forget(),
            "many" => {
                for n in 0..1000 {
                    if peer.send(format!("{n} {}", "x".repeat(1000))).await.is_err() {
                        break;
                    }
                }
            }
            _ => {}
        }
        request
    }

    #[on(disconnect)]
    async fn left(&self, reason: Reason) {
        self.ended.lock().unwrap().push(reason);
    }
}

type Text = Datagrams<Utf8>;

fn at(path: impl AsRef<Path>) -> (Arc<Echo>, Server<Echo, NoCodec, Bound>) {
    let echo = Arc::new(Echo::default());
    let server = Server::new(Arc::clone(&echo)).listen(UnixDatagram::new(path, Text::new())).unwrap();
    (echo, server)
}

async fn stop(server: RunningServer) -> StopReport {
    timeout(LIMIT, server.stop()).await.expect("in time").unwrap()
}

async fn client(path: impl AsRef<Path>) -> Endpoint<String, String, Text> {
    connected(UnixDatagram::new(path, Text::new())).await
}

async fn connected(to: UnixDatagram<Text>) -> Endpoint<String, String, Text> {
    Endpoint::connect(to).await.unwrap().timeout(LIMIT)
}

on_loops! {
    async fn each_kind_of_address_has_a_session() {
        let dir = TempDir::new();
        let (echo, server) = at(dir.at("server"));
        let server = server.spawn().await.unwrap();
        let mut named_by_the_kernel = client(dir.at("server")).await;
        assert!(matches!(named_by_the_kernel.local_addr().unwrap(), DatagramAddr::Abstract(_)));
        assert_eq!(named_by_the_kernel.call("a".into()).await.unwrap(), "a");
        let mut named_by_a_file = Endpoint::<String, String, _>::bind(UnixDatagram::new(dir.at("client"), Text::new())).unwrap().timeout(LIMIT);
        named_by_a_file.send_to("b".into(), &(&*dir.at("server")).into()).await.unwrap();
        let (answer, from) = named_by_a_file.recv_from().await.unwrap();
        assert_eq!((answer.as_str(), from), ("b", DatagramAddr::Path(dir.at("server"))));
        assert_eq!(echo.begun.load(SeqCst), 2);
        assert_eq!(stop(server).await.sessions_finished, 2);
        drop(named_by_a_file);
        assert!(!dir.at("client").exists(), "an endpoint removes its file");
    }

    async fn an_abstract_address_needs_no_file() {
        let name = format!("portcullis-test-{}-{:?}", std::process::id(), std::thread::current().id());
        let echo = Arc::new(Echo::default());
        let to = UnixDatagram::abstract_name(&name, Text::new());
        let server = Server::new(echo).listen(to.clone()).unwrap().spawn().await.unwrap();
        let addr = DatagramAddr::Abstract(name.clone().into());
        assert_eq!(addr.to_string(), format!("@{}", name.escape_debug()));
        assert_eq!(connected(to).await.call("a".into()).await.unwrap(), "a");
        let taken = Server::new(Echo::default()).listen(UnixDatagram::abstract_name(&name, Text::new()));
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        stop(server).await;
    }

    async fn d13_datagrams_from_an_unbound_sender_are_dropped_and_counted() {
        let dir = TempDir::new();
        let (echo, server) = at(dir.at("server"));
        let stats = server.datagram_stats();
        let server = server.spawn().await.unwrap();
        let unbound = StdUnixDatagram::unbound().unwrap();
        unbound.send_to(b"a", dir.at("server")).unwrap();
        wait(|| stats.counts().dropped_unnamed_sender == 1).await;
        assert_eq!(client(dir.at("server")).await.call("b".into()).await.unwrap(), "b");
        assert_eq!(echo.begun.load(SeqCst), 1);
        stop(server).await;
    }

    async fn the_socket_file_is_removed_at_the_stop_and_a_stale_one_is_replaced() {
        let dir = TempDir::new();
        let path = dir.at("server");
        // `std` does not remove the file.
        drop(StdUnixDatagram::bind(&path).unwrap());
        assert!(path.exists());
        let (_, server) = at(&path);
        let server = server.spawn().await.unwrap();
        let taken = Server::new(Echo::default()).listen(UnixDatagram::new(&path, Text::new()));
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrInUse, "that one is in use");
        assert_eq!(client(&path).await.call("a".into()).await.unwrap(), "a");
        stop(server).await;
        assert!(!path.exists());
        // The file of a server that never served is removed too.
        drop(at(&path));
        assert!(!path.exists());
    }

    async fn a_file_that_the_server_did_not_create_is_kept() {
        let dir = TempDir::new();
        let path = dir.at("server");
        let (_, server) = at(&path);
        let server = server.spawn().await.unwrap();
        fs::remove_file(&path).unwrap();
        let other = StdUnixDatagram::bind(&path).unwrap();
        stop(server).await;
        assert!(path.exists(), "another's socket");
        drop(other);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "no socket").unwrap();
        let taken = Server::new(Echo::default()).listen(UnixDatagram::new(&path, Text::new()));
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read_to_string(&path).unwrap(), "no socket");
    }

    async fn sending_to_a_closed_peer_ends_its_session() {
        let dir = TempDir::new();
        let (echo, server) = at(dir.at("server"));
        let server = server.spawn().await.unwrap();
        let mut left = client(dir.at("server")).await;
        left.send("hold".into()).await.unwrap();
        wait(|| echo.begun.load(SeqCst) == 1).await;
        drop(left);
        echo.gate.add_permits(1);
        wait(|| *echo.ended.lock().unwrap() == [Reason::Reset]).await;
        assert_eq!(client(dir.at("server")).await.call("a".into()).await.unwrap(), "a");
        stop(server).await;
    }

    async fn s11_a_peer_that_does_not_read_delays_only_its_own_session() {
        let dir = TempDir::new();
        let (echo, server) = at(dir.at("server"));
        let server = server.max_queued_responses(4).spawn().await.unwrap();
        // Not connected: only then does the kernel bound this socket's own queue (see the docs of
        // `Server`).
        let mut slow = Endpoint::<String, String, _>::bind(UnixDatagram::new(dir.at("slow"), Text::new())).unwrap();
        slow.send_to("many".into(), &(&*dir.at("server")).into()).await.unwrap();
        wait(|| echo.begun.load(SeqCst) == 1).await;
        let mut quick = client(dir.at("server")).await;
        for n in 0..20 {
            assert_eq!(quick.call(format!("{n}")).await.unwrap(), format!("{n}"));
        }
        let mut slow = slow.timeout(LIMIT);
        for n in 0..1000 {
            assert!(slow.recv().await.unwrap().starts_with(&format!("{n} x")), "none is lost");
        }
        assert_eq!(slow.recv().await.unwrap(), "many");
        assert!(stop(server).await.is_clean());
    }

    async fn s2_a_peer_that_never_reads_times_out() {
        let dir = TempDir::new();
        let (echo, server) = at(dir.at("server"));
        let server = server.write_timeout(Duration::from_millis(200)).spawn().await.unwrap();
        let mut slow = client(dir.at("server")).await;
        slow.send("many".into()).await.unwrap();
        wait(|| *echo.ended.lock().unwrap() == [Reason::Timeout(Limit::Write)]).await;
        stop(server).await;
    }

    async fn connecting_to_a_path_without_a_listener_fails_at_once() {
        let dir = TempDir::new();
        let refused = Endpoint::<String, String, _>::connect(UnixDatagram::new(dir.at("none"), Text::new()));
        assert_eq!(refused.await.unwrap_err().kind(), io::ErrorKind::NotFound);
        let (_, server) = at(dir.at("server"));
        let server = server.spawn().await.unwrap();
        let mut client = client(dir.at("server")).await;
        assert_eq!(client.call("a".into()).await.unwrap(), "a");
        stop(server).await;
        let Err(ClientError::Io(error)) = client.call("b".into()).await else { panic!("the server is closed") };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[test]
fn a_blocking_endpoint_works_over_unix_sockets() {
    let dir = TempDir::new();
    let (_, server) = at(dir.at("server"));
    // Not `spawn_thread`, which returns an IP address.
    let handle = server.handle();
    let serving = std::thread::spawn(move || portcullis_tests::on_current_thread(server.serve()));
    let mut client =
        BlockingEndpoint::<String, String, _>::connect(UnixDatagram::new(dir.at("server"), Text::new()))
            .unwrap();
    client = client.timeout(LIMIT);
    assert_eq!(client.call("a".into()).unwrap(), "a");
    handle.stop();
    serving.join().unwrap().unwrap();
}
