//! Exhaustion of connection slots, and races for the file of a Unix socket (S2, S5, S6).

use std::fs;
use std::os::unix::net::{UnixListener, UnixStream as StdUnixStream};
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;

use portcullis_tests::streams::TempDir;
use portcullis_tests::{LIMIT, eventually};

use portcullis::Unix;

use super::*;

on_streams! {
    async fn s2_silent_connections_occupy_at_most_max_connections_and_time_out(kind) {
        let service = service();
        // The handshake has the same time limit, so the connection slots are the contended
        // resource.
        let served = serve(kind, service.server().max_connections(4).first_request_timeout(SHORT)).await;
        let server_addr = Arc::new(served.server_addr);
        let mut flood = tokio::task::JoinSet::new();
        for _ in 0..60 {
            let server_addr = Arc::clone(&server_addr);
            flood.spawn(async move {
                // A Unix socket with a full backlog refuses at once.
                if let Ok(mut stream) = server_addr.try_connect().await {
                    read_until_closed(&mut stream).await;
                }
            });
        }
        // A client that sends a request is served eventually.
        assert_eq!(timeout(LIMIT, server_addr.connect()).await.expect("in time").call("x").await, "x");
        timeout(LIMIT, flood.join_all()).await.expect("in time");
        service.wait_until_empty().await;
        let ended = service.ended.lock().unwrap().clone();
        assert!(ended.iter().filter(|reason| **reason == Reason::Timeout(Limit::FirstRequest)).count() >= 50, "{ended:?}");
        let report = served.server.stop().await.unwrap();
        assert!(report.is_clean(), "{report}");
    }

    async fn s5_a_stop_in_a_flood_of_connections_ends_in_time(kind) {
        for turns in (0..40).step_by(8) {
            let service = service();
            let served = serve(kind, service.server().max_connections(8)).await;
            let server_addr = Arc::new(served.server_addr);
            let flood: Vec<_> = (0..30).map(|n| {
                let server_addr = Arc::clone(&server_addr);
                tokio::spawn(async move {
                    let raw = match &*server_addr {
                        ServerAddr::Tcp(addr) | ServerAddr::Tls(addr) => TcpStream::connect(addr).await.map(Conn::Tcp),
                        ServerAddr::Unix(path, _) | ServerAddr::UnixTls(path, _) => tokio::net::UnixStream::connect(path).await.map(Conn::Unix),
                    };
                    if let Ok(mut stream) = raw {
                        let _ = stream.write_all(&b"hold\n\x16\x03\x01"[n % 8..]).await;
                        read_until_closed(&mut stream).await;
                    }
                })
            }).collect();
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            let report = timeout(LIMIT, served.server.stop_within(Duration::ZERO)).await.expect("in time").unwrap();
            assert_eq!((report.sessions_stuck, report.unfinished), (0, 0), "after {turns}: {report}");
            assert_eq!(service.ended(), service.connected.load(SeqCst), "after {turns}");
            for client in flood {
                timeout(LIMIT, client).await.expect("in time").unwrap();
            }
        }
    }
}

fn path(dir: &TempDir) -> PathBuf {
    dir.join("socket")
}

/// A runtime for each thread.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_listening_unix_socket_is_never_taken_over() {
    let dir = TempDir::new();
    let path = path(&dir);
    let running = service().server().listen(Unix::new(&path)).unwrap().spawn_thread().unwrap();
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..50 {
                    let error = service().server().listen(Unix::new(&path)).expect_err("it is taken");
                    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
                    StdUnixStream::connect(&path).expect("it listens all the while");
                }
            });
        }
    });
    assert!(running.stop().unwrap().is_clean());
    assert_eq!(fs::read_dir(&*dir).unwrap().count(), 0);
}

#[test]
fn exactly_one_server_takes_over_a_stale_unix_socket() {
    let dir = TempDir::new();
    let path = path(&dir);
    for round in 0..100 {
        drop(UnixListener::bind(&path).unwrap());
        let barrier = Barrier::new(4);
        let bound: Vec<_> = thread::scope(|scope| {
            let trying: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        service().server().listen(Unix::new(&path))
                    })
                })
                .collect();
            trying.into_iter().filter_map(|bound| bound.join().unwrap().ok()).collect()
        });
        assert_eq!(bound.len(), 1, "in round {round}");
        StdUnixStream::connect(&path).expect("it listens");
        drop(bound);
        // The other servers have left no file.
        assert_eq!(fs::read_dir(&*dir).unwrap().count(), 0, "in round {round}");
    }
}

#[test]
fn a_file_created_at_the_path_is_never_removed() {
    let dir = TempDir::new();
    let path = path(&dir);
    let (keep_trying, done) = (Arc::new(std::sync::atomic::AtomicBool::new(true)), AtomicUsize::new(0));
    thread::scope(|scope| {
        let (path, turning) = (&path, Arc::clone(&keep_trying));
        let done = &done;
        scope.spawn(move || {
            while turning.load(SeqCst) {
                // While a socket exists at the path, the file cannot be created.
                if fs::OpenOptions::new().write(true).create_new(true).open(path).is_ok() {
                    thread::yield_now();
                    // A server that took it for a stale socket would have removed it.
                    assert!(fs::symlink_metadata(path).unwrap().is_file());
                    fs::remove_file(path).unwrap();
                    done.fetch_add(1, SeqCst);
                }
            }
        });
        let runtime = runtime();
        let _on_it = runtime.enter();
        for _ in 0..200 {
            // If the other thread was faster, this is an error; otherwise the path is ours for a
            // moment.
            drop(service().server().listen(Unix::new(path)));
        }
        eventually(|| done.load(SeqCst) > 3);
        keep_trying.store(false, SeqCst);
    });
    assert!(fs::read_dir(&*dir).unwrap().count() <= 1);
}
