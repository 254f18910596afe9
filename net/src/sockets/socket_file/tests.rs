//! Takeovers, with the gaps between their steps held open.

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

    /// A path where a server has left its file behind.
    fn stale(&self, kind: Type) -> PathBuf {
        let path = self.0.join("socket");
        drop(foreign(&path, kind));
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

fn bound(path: &Path, kind: Type) -> io::Result<(Socket, SocketFile)> {
    bind(path, kind, || socket(kind), ready(kind))
}

/// A server that knows nothing of locks.
fn foreign(path: &Path, kind: Type) -> OwnedFd {
    match kind {
        Type::STREAM => UnixListener::bind(path).expect("a place").into(),
        _ => UnixDatagram::bind(path).expect("a place").into(),
    }
}

fn answers(path: &Path, kind: Type) -> bool {
    socket(kind).and_then(|probe| probe.connect(&SockAddr::unix(path)?)).is_ok()
}

fn is_locked(path: &Path) -> bool {
    matches!(FolderLock::try_of(path), Some(Err(())))
}

#[test]
fn what_was_left_behind_is_replaced_and_what_is_in_use_is_not() {
    for kind in KINDS {
        let folder = Folder::new();
        let path = folder.stale(kind);
        let (socket, file) = bound(&path, kind).expect("nobody is there");
        assert!(answers(&path, kind));
        for other in KINDS {
            assert_eq!(bound(&path, other).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
        assert!(answers(&path, kind));
        drop((socket, file));
        assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 0);
        fs::write(&path, "no socket").expect("a file");
        assert_eq!(bound(&path, kind).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).expect("it is still there"), b"no socket");
    }
}

#[test]
fn a_server_that_comes_while_a_file_is_taken_over_stays() {
    for kind in KINDS {
        let folder = Folder::new();
        let path = folder.stale(kind);
        let other = RefCell::new(None);
        let take_over = bind_and_look(
            &path,
            kind,
            || socket(kind),
            ready(kind),
            |gap| {
                if gap == Gap::Stale {
                    fs::remove_file(&path).expect("the stale one");
                    *other.borrow_mut() = Some(foreign(&path, kind));
                }
            },
        );
        assert_eq!(take_over.unwrap_err().kind(), io::ErrorKind::AddrInUse, "{kind:?}");
        assert!(other.borrow().is_some() && answers(&path, kind), "{kind:?}");
        assert_eq!(fs::read_dir(&folder.0).expect("a folder").count(), 1);
    }
}

#[test]
fn a_server_whose_file_is_replaced_before_it_is_ready_removes_nothing() {
    for kind in KINDS {
        let folder = Folder::new();
        let path = folder.stale(kind);
        let other = RefCell::new(None);
        let take_over = bind_and_look(
            &path,
            kind,
            || socket(kind),
            ready(kind),
            |gap| {
                if gap == Gap::Bound {
                    fs::remove_file(&path).expect("the new one");
                    *other.borrow_mut() = Some(foreign(&path, kind));
                }
            },
        );
        assert_eq!(take_over.unwrap_err().kind(), io::ErrorKind::AddrInUse, "{kind:?}");
        assert!(answers(&path, kind));
    }
}

#[test]
fn from_the_first_look_until_it_is_ready_a_server_holds_the_lock() {
    for kind in KINDS {
        let folder = Folder::new();
        let path = folder.stale(kind);
        let seen = RefCell::new(Vec::new());
        let look = |gap| seen.borrow_mut().push((gap, is_locked(&path)));
        let served = bind_and_look(&path, kind, || socket(kind), ready(kind), look).expect("a place");
        assert_eq!(*seen.borrow(), [(Gap::Stale, true), (Gap::Bound, true)]);
        assert!(!is_locked(&path));
        drop(served);
    }
}

#[test]
fn the_file_of_a_later_server_is_no_inode_of_ours() {
    for kind in KINDS {
        let folder = Folder::new();
        let path = folder.0.join("socket");
        for _ in 0..20 {
            let (socket, file) = bound(&path, kind).expect("a place");
            drop(socket);
            fs::remove_file(&path).expect("ours");
            let other = foreign(&path, kind);
            drop(file);
            assert!(answers(&path, kind), "the file of another server was removed");
            drop(other);
            fs::remove_file(&path).expect("theirs");
        }
    }
}

#[test]
fn of_servers_that_take_over_one_file_one_does() {
    for kind in KINDS {
        let folder = Arc::new(Folder::new());
        for round in 0..100 {
            let path = folder.stale(kind);
            let start = Arc::new(Barrier::new(3));
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let (path, start) = (path.clone(), Arc::clone(&start));
                    thread::spawn(move || {
                        start.wait();
                        bound(&path, kind)
                    })
                })
                .collect();
            let bound: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
            let (won, lost): (Vec<_>, Vec<_>) = bound.into_iter().partition(Result::is_ok);
            assert_eq!(won.len(), 1, "{kind:?}, round {round}");
            for lost in lost {
                assert_eq!(lost.unwrap_err().kind(), io::ErrorKind::AddrInUse, "{kind:?}, round {round}");
            }
            assert!(answers(&path, kind), "{kind:?}, round {round}");
            drop(won);
            assert!(!path.exists());
        }
    }
}

#[test]
fn a_path_has_no_zero_in_it() {
    use std::ffi::OsStr;
    for bytes in [&b"\0name"[..], b"na\0me"] {
        let error = bound(Path::new(OsStr::from_bytes(bytes)), Type::STREAM).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
