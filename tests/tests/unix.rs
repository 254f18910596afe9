//! Unix sockets: ownership of the file, permissions, and peer credentials.

#![forbid(unsafe_code)]
#![cfg(unix)]

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::prelude::*;
use portcullis::{BlockingClient, Client, Credentials, RunningServer, Unix};
use portcullis_tests::streams::{Conn, TempDir};
use portcullis_tests::{LIMIT, on_loops};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::time::timeout;

#[derive(Default)]
struct TestService {
    seen: Mutex<Vec<Option<Credentials>>>,
}

#[service]
impl TestService {
    #[request(half_close = answer)]
    async fn handle(&self, peer: &Peer<String>, line: String) -> String {
        assert_eq!(peer.addr(), None);
        self.seen.lock().unwrap().push(peer.credentials());
        line
    }
}

fn server() -> Server<TestService, Lines> {
    Server::new(TestService::default()).codec(Lines::new())
}

async fn connect(path: &Path) -> Conn {
    Conn::Unix(UnixStream::connect(path).await.unwrap())
}

async fn stop(server: RunningServer) {
    let report = timeout(LIMIT, server.stop()).await.expect("in time").unwrap();
    assert!(report.is_clean(), "{report}");
}

/// Leaves the socket file of a process that was killed: a file without a listener.
fn create_stale_socket(path: &Path) -> u64 {
    drop(UnixListener::bind(path).unwrap());
    fs::symlink_metadata(path).unwrap().ino()
}

on_loops! {
    async fn the_socket_file_exists_only_while_the_server_runs() {
        let dir = TempDir::new();
        let path = dir.join("socket");
        let running = server().listen(Unix::new(&path)).unwrap().spawn().await.unwrap();
        assert_eq!(running.unix_addrs()[0].as_pathname(), Some(&*path));
        assert!(running.local_addrs().is_empty());
        assert_eq!(connect(&path).await.call("x").await, "x");
        stop(running).await;
        assert!(!path.exists());
        // Also if the server never serves.
        drop(server().listen(Unix::new(&path)).unwrap());
        assert!(!path.exists());
        // No other file is left in the directory.
        assert_eq!(fs::read_dir(&*dir).unwrap().count(), 0);
    }

    async fn the_socket_file_has_the_configured_mode() {
        let dir = TempDir::new();
        for mode in [0o600, 0o660, 0o666, 0o777] {
            let path = dir.join(format!("{mode:o}"));
            let running = server().listen(Unix::new(&path).mode(mode)).unwrap().spawn().await.unwrap();
            let found = fs::symlink_metadata(&path).unwrap();
            assert!(found.file_type().is_socket());
            assert_eq!(found.permissions().mode() & 0o777, mode);
            assert_eq!(connect(&path).await.call("x").await, "x");
            stop(running).await;
        }
    }

    async fn a_stale_socket_file_is_replaced() {
        let dir = TempDir::new();
        let path = dir.join("socket");
        create_stale_socket(&path);
        let running = server().listen(Unix::new(&path)).unwrap().spawn().await.unwrap();
        assert_eq!(connect(&path).await.call("x").await, "x");
        stop(running).await;
        assert_eq!(fs::read_dir(&*dir).unwrap().count(), 0);
    }

    async fn only_a_stale_socket_file_is_replaced() {
        let dir = TempDir::new();
        // A socket with a listener.
        let path = dir.join("taken");
        let running = server().listen(Unix::new(&path)).unwrap().spawn().await.unwrap();
        assert_eq!(server().listen(Unix::new(&path)).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(connect(&path).await.call("x").await, "x");
        // Also if nothing accepts there, and the backlog is full.
        let full = dir.join("full");
        let busy = server().listen(Unix::new(&full).backlog(0)).unwrap();
        let waiting = std::os::unix::net::UnixStream::connect(&full).unwrap();
        assert_eq!(server().listen(Unix::new(&full)).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop((waiting, busy));
        // A regular file.
        let file = dir.join("file");
        fs::write(&file, "of value").unwrap();
        assert_eq!(server().listen(Unix::new(&file)).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read_to_string(&file).unwrap(), "of value");
        // A symbolic link to a stale socket.
        let (stale, link) = (dir.join("stale"), dir.join("link"));
        create_stale_socket(&stale);
        std::os::unix::fs::symlink(&stale, &link).unwrap();
        assert_eq!(server().listen(Unix::new(&link)).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert!(server().listen(Unix::new(dir.join("no/such/folder"))).is_err());
        assert!(server().listen(Unix::new(dir.join("x".repeat(200)))).is_err());
        stop(running).await;
    }

    async fn only_the_servers_own_socket_file_is_removed() {
        let dir = TempDir::new();
        let path = dir.join("socket");
        let running = server().listen(Unix::new(&path)).unwrap().spawn().await.unwrap();
        // A new server that removes the file itself.
        fs::remove_file(&path).unwrap();
        let successor = UnixListener::bind(&path).unwrap();
        stop(running).await;
        assert!(path.exists());
        // A file that another process created is not removed.
        let running = server().listen(successor).unwrap().spawn().await.unwrap();
        assert_eq!(connect(&path).await.call("x").await, "x");
        stop(running).await;
        assert!(path.exists());
    }

    async fn a_peer_has_credentials_from_the_kernel() {
        let dir = TempDir::new();
        let path = dir.join("socket");
        let service = Arc::new(TestService::default());
        let running = Server::new(service.clone()).codec(Lines::new()).listen(Unix::new(&path)).unwrap().spawn().await.unwrap();
        assert_eq!(connect(&path).await.call("x").await, "x");
        let me = fs::metadata(&*dir).unwrap();
        let seen = service.seen.lock().unwrap()[0].expect("credentials from the kernel");
        assert_eq!((seen.uid, seen.gid), (me.uid(), me.gid()));
        if cfg!(target_os = "linux") {
            assert_eq!(seen.pid, Some(std::process::id().try_into().unwrap()));
        }
        stop(running).await;
    }

    async fn clients_that_disconnect_without_reading_leak_nothing() {
        let dir = TempDir::new();
        let path = dir.join("socket");
        let running = server().listen(Unix::new(&path)).unwrap().spawn().await.unwrap();
        for _ in 0..200 {
            let Conn::Unix(mut stream) = connect(&path).await else { unreachable!() };
            stream.write_all(b"x\n").await.unwrap();
        }
        assert_eq!(connect(&path).await.call("x").await, "x");
        let report = timeout(LIMIT, running.stop_within(Duration::from_secs(5))).await.expect("in time").unwrap();
        assert!(report.is_clean(), "{report}");
    }
}

#[cfg(target_os = "linux")]
on_loops! {
    async fn an_abstract_address_has_no_file() {
        use std::os::linux::net::SocketAddrExt;

        let name = format!("portcullis-test-{}-{:?}", std::process::id(), std::thread::current().id());
        let running = server().listen(Unix::abstract_name(&name)).unwrap().spawn().await.unwrap();
        assert_eq!(running.unix_addrs()[0].as_abstract_name(), Some(name.as_bytes()));
        let addr = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let connect = || {
            let stream = std::os::unix::net::UnixStream::connect_addr(&addr)?;
            stream.set_nonblocking(true)?;
            UnixStream::from_std(stream)
        };
        assert_eq!(Conn::Unix(connect().unwrap()).call("x").await, "x");
        let unix = Unix::abstract_name(&name);
        let mut client = Client::<String, String, _>::connect(unix.clone(), Lines::new()).await.unwrap().timeout(LIMIT);
        assert_eq!(client.call("y".into()).await.unwrap(), "y");
        let asked = tokio::task::spawn_blocking(move || {
            BlockingClient::<String, String, _>::connect(unix, Lines::new())?.timeout(LIMIT).call("z".into())
        });
        assert_eq!(timeout(LIMIT, asked).await.unwrap().unwrap().unwrap(), "z");
        assert_eq!(server().listen(Unix::abstract_name(&name)).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        stop(running).await;
        assert!(connect().is_err());
        assert!(server().listen(Unix::abstract_name([b'x'; 200])).is_err());
    }
}
