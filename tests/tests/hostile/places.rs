//! Who would take all the places, and the place of a socket's file (S2, S5, S6).

use std::fs;
use std::os::unix::net::{UnixListener, UnixStream as StdUnixStream};
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;

use portcullis_tests::streams::Folder;
use portcullis_tests::{LIMIT, eventually};

use portcullis::Unix;

use super::*;

on_streams! {
    async fn s2_a_flood_of_silent_connections_gets_no_more_than_the_places_and_not_for_long(kind) {
        let desk = desk();
        // A handshake has the same limit: the places behind it are what is fought for.
        let served = serve(kind, desk.server().max_connections(4).first_request_timeout(SHORT)).await;
        let way = Arc::new(served.way);
        let mut flood = tokio::task::JoinSet::new();
        for _ in 0..60 {
            let way = Arc::clone(&way);
            flood.spawn(async move {
                // A Unix socket whose queue is full refuses at once.
                if let Ok(mut stream) = way.try_connect().await {
                    until_gone(&mut stream).await;
                }
            });
        }
        // One that has something to ask comes through in its turn.
        assert_eq!(timeout(LIMIT, way.connect()).await.expect("in time").ask("x").await, "x");
        timeout(LIMIT, flood.join_all()).await.expect("in time");
        desk.empties().await;
        let ended = desk.ended.lock().unwrap().clone();
        assert!(ended.iter().filter(|reason| **reason == Reason::Timeout).count() >= 50, "{ended:?}");
        let report = served.server.stop().await.unwrap();
        assert!(report.is_clean(), "{report}");
    }

    async fn s5_a_stop_in_a_flood_of_connections_ends_in_time(kind) {
        for turns in (0..40).step_by(8) {
            let desk = desk();
            let served = serve(kind, desk.server().max_connections(8)).await;
            let way = Arc::new(served.way);
            let flood: Vec<_> = (0..30).map(|n| {
                let way = Arc::clone(&way);
                tokio::spawn(async move {
                    let raw = match &*way {
                        Way::Tcp(addr) | Way::Tls(addr) => TcpStream::connect(addr).await.map(Conn::Tcp),
                        Way::Unix(path, _) | Way::UnixTls(path, _) => tokio::net::UnixStream::connect(path).await.map(Conn::Unix),
                    };
                    if let Ok(mut stream) = raw {
                        let _ = stream.write_all(&b"hold\n\x16\x03\x01"[n % 8..]).await;
                        until_gone(&mut stream).await;
                    }
                })
            }).collect();
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            let report = timeout(LIMIT, served.server.stop_within(Duration::ZERO)).await.expect("in time").unwrap();
            assert_eq!((report.sessions_stuck, report.unfinished), (0, 0), "after {turns}: {report}");
            assert_eq!(desk.ended(), desk.connected.load(SeqCst), "after {turns}");
            for client in flood {
                timeout(LIMIT, client).await.expect("in time").unwrap();
            }
        }
    }
}

fn path(folder: &Folder) -> PathBuf {
    folder.join("socket")
}

/// Somewhere to serve from, of each thread's own.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn while_one_listens_nobody_takes_its_place_however_many_try() {
    let folder = Folder::new();
    let path = path(&folder);
    let running = desk().server().listen(Unix::new(&path)).unwrap().spawn_thread().unwrap();
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..50 {
                    let error = desk().server().listen(Unix::new(&path)).expect_err("it is taken");
                    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
                    StdUnixStream::connect(&path).expect("it listens all the while");
                }
            });
        }
    });
    assert!(running.stop().unwrap().is_clean());
    assert_eq!(fs::read_dir(&*folder).unwrap().count(), 0);
}

#[test]
fn of_those_who_come_upon_a_socket_that_was_left_behind_one_gets_its_place() {
    let folder = Folder::new();
    let path = path(&folder);
    for round in 0..100 {
        drop(UnixListener::bind(&path).unwrap());
        let barrier = Barrier::new(4);
        let bound: Vec<_> = thread::scope(|scope| {
            let trying: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        desk().server().listen(Unix::new(&path))
                    })
                })
                .collect();
            trying.into_iter().filter_map(|bound| bound.join().unwrap().ok()).collect()
        });
        assert_eq!(bound.len(), 1, "in round {round}");
        StdUnixStream::connect(&path).expect("it listens");
        drop(bound);
        // Nor has any of the others left something.
        assert_eq!(fs::read_dir(&*folder).unwrap().count(), 0, "in round {round}");
    }
}

#[test]
fn a_file_that_comes_and_goes_at_the_path_is_nobodys_but_its_makers() {
    let folder = Folder::new();
    let path = path(&folder);
    let (go_on, done) = (Arc::new(std::sync::atomic::AtomicBool::new(true)), AtomicUsize::new(0));
    thread::scope(|scope| {
        let (path, turning) = (&path, Arc::clone(&go_on));
        let done = &done;
        scope.spawn(move || {
            while turning.load(SeqCst) {
                // Where there is a socket at the moment, this is no place for a file.
                if fs::OpenOptions::new().write(true).create_new(true).open(path).is_ok() {
                    thread::yield_now();
                    // Whoever takes it for a socket that was left behind would have removed it.
                    assert!(fs::symlink_metadata(path).unwrap().is_file());
                    fs::remove_file(path).unwrap();
                    done.fetch_add(1, SeqCst);
                }
            }
        });
        let runtime = runtime();
        let _on_it = runtime.enter();
        for _ in 0..200 {
            // Where the other was quicker it is an error, and else the place is ours for the
            // moment.
            drop(desk().server().listen(Unix::new(path)));
        }
        eventually(|| done.load(SeqCst) > 3);
        go_on.store(false, SeqCst);
    });
    assert!(fs::read_dir(&*folder).unwrap().count() <= 1);
}
