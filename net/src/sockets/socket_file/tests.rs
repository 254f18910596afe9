//! Tests of takeovers, which stop at the points where another server can interfere.

use std::cell::RefCell;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::{Arc, Barrier};

use super::*;

const KINDS: [Type; 2] = [Type::STREAM, Type::DGRAM];

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name =
            format!("portcullis-files-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    /// Returns a path with the file of a server that has ended.
    fn make_stale(&self, kind: Type) -> PathBuf {
        let path = self.0.join("socket");
        drop(bind_without_lock(&path, kind));
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn socket(kind: Type) -> io::Result<Socket> {
    Socket::new(Domain::UNIX, kind, None)
}

fn ready(kind: Type) -> impl Fn(&Socket) -> io::Result<()> {
    move |socket| if kind == Type::STREAM { socket.listen(5) } else { Ok(()) }
}

fn bind_at(path: &Path, kind: Type) -> io::Result<(Socket, SocketFile)> {
    bind(path, kind, || socket(kind), ready(kind))
}

/// Binds without the lock of the folder, as other programs do.
fn bind_without_lock(path: &Path, kind: Type) -> OwnedFd {
    match kind {
        Type::STREAM => UnixListener::bind(path).expect("the path is free").into(),
        _ => UnixDatagram::bind(path).expect("the path is free").into(),
    }
}

fn is_listening(path: &Path, kind: Type) -> bool {
    socket(kind).and_then(|probe| probe.connect(&SockAddr::unix(path)?)).is_ok()
}

fn is_locked(path: &Path) -> bool {
    matches!(FolderLock::try_acquire(path), Some(Err(())))
}

#[test]
fn a_stale_file_is_replaced_and_a_file_in_use_is_not() {
    for kind in KINDS {
        let folder = Folder::new();
        let path = folder.make_stale(kind);
        let (socket, file) = bind_at(&path, kind).expect("the path is free");
        assert!(is_listening(&path, kind));
        for other in KINDS {
            assert_eq!(bind_at(&path, other).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
        assert!(is_listening(&path, kind));
        drop((socket, file));
        assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 0);
        fs::write(&path, "no socket").expect("a file");
        assert_eq!(bind_at(&path, kind).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).expect("it is still there"), b"no socket");
    }
}

#[test]
fn a_server_that_binds_during_a_takeover_keeps_its_file() {
    for kind in KINDS {
        let folder = Folder::new();
        let path = folder.make_stale(kind);
        let other = RefCell::new(None);
        let take_over = bind_with_hook(
            &path,
            kind,
            || socket(kind),
            ready(kind),
            |point| {
                if point == RacePoint::Stale {
                    fs::remove_file(&path).expect("the stale one");
                    *other.borrow_mut() = Some(bind_without_lock(&path, kind));
                }
            },
        );
        assert_eq!(take_over.unwrap_err().kind(), io::ErrorKind::AddrInUse, "{kind:?}");
        assert!(other.borrow().is_some() && is_listening(&path, kind), "{kind:?}");
        assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 1);
    }
}

#[test]
fn a_server_whose_file_is_replaced_before_it_is_ready_removes_nothing() {
    for kind in KINDS {
        let folder = Folder::new();
        let path = folder.make_stale(kind);
        let other = RefCell::new(None);
        let take_over = bind_with_hook(
            &path,
            kind,
            || socket(kind),
            ready(kind),
            |point| {
                if point == RacePoint::Bound {
                    fs::remove_file(&path).expect("the new one");
                    *other.borrow_mut() = Some(bind_without_lock(&path, kind));
                }
            },
        );
        assert_eq!(take_over.unwrap_err().kind(), io::ErrorKind::AddrInUse, "{kind:?}");
        assert!(is_listening(&path, kind));
    }
}

#[test]
fn a_server_holds_the_lock_from_the_first_check_until_it_is_ready() {
    for kind in KINDS {
        let folder = Folder::new();
        let path = folder.make_stale(kind);
        let seen = RefCell::new(Vec::new());
        let hook = |point| seen.borrow_mut().push((point, is_locked(&path)));
        let served =
            bind_with_hook(&path, kind, || socket(kind), ready(kind), hook).expect("the path is free");
        assert_eq!(*seen.borrow(), [(RacePoint::Stale, true), (RacePoint::Bound, true)]);
        assert!(!is_locked(&path));
        drop(served);
    }
}

#[test]
fn the_file_of_a_later_server_is_not_removed() {
    for kind in KINDS {
        let folder = Folder::new();
        let path = folder.0.join("socket");
        for _ in 0..20 {
            let (socket, file) = bind_at(&path, kind).expect("the path is free");
            drop(socket);
            fs::remove_file(&path).expect("ours");
            let other = bind_without_lock(&path, kind);
            drop(file);
            assert!(is_listening(&path, kind), "the file of another server was removed");
            drop(other);
            fs::remove_file(&path).expect("theirs");
        }
    }
}

#[test]
fn one_of_several_concurrent_takeovers_succeeds() {
    for kind in KINDS {
        let folder = Arc::new(Folder::new());
        for round in 0..100 {
            let path = folder.make_stale(kind);
            let start = Arc::new(Barrier::new(3));
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let (path, start) = (path.clone(), Arc::clone(&start));
                    thread::spawn(move || {
                        start.wait();
                        bind_at(&path, kind)
                    })
                })
                .collect();
            let bound: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
            let (won, lost): (Vec<_>, Vec<_>) = bound.into_iter().partition(Result::is_ok);
            assert_eq!(won.len(), 1, "{kind:?}, round {round}");
            for lost in lost {
                assert_eq!(lost.unwrap_err().kind(), io::ErrorKind::AddrInUse, "{kind:?}, round {round}");
            }
            assert!(is_listening(&path, kind), "{kind:?}, round {round}");
            drop(won);
            assert!(!path.exists());
        }
    }
}

#[test]
fn a_path_with_a_zero_byte_is_rejected() {
    use std::ffi::OsStr;
    for bytes in [&b"\0name"[..], b"na\0me"] {
        let error = bind_at(Path::new(OsStr::from_bytes(bytes)), Type::STREAM).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
