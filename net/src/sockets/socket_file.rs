//! [`SocketFile`]: the file of a bound Unix socket, stream or datagram.
//!
//! The file of a socket outlives its process. [`bind`] replaces a stale file, and fails if a server
//! uses the file. Dropping the `SocketFile` removes the file if it is still the one that `bind`
//! created.
//!
//! Several servers can do this at once. Each holds a lock of the folder from its first check of the
//! file until its own socket is ready, and while it removes its file. A program that does not use
//! the lock can bind between two steps. Therefore a stale file is renamed before it is checked once
//! more, and renamed back if it is in use. Files are compared by inode. The number of an inode is
//! not reused while the socket is open, so the last descriptor is closed after the file is removed.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use socket2::{Domain, SockAddr, Socket, Type};

/// How long to wait for the lock of a folder. Every process that can read the folder can hold its
/// lock indefinitely.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Binds the socket that `make_socket` returns at `path`, and then calls `ready`, which makes it
/// reachable (`listen`, for streams).
///
/// # Errors
/// `AddrInUse` if a server uses the path, or the file is not a socket. Else the error of the
/// system: the file cannot be created, or the path is too long.
pub(crate) fn bind(
    path: &Path,
    kind: Type,
    make_socket: impl Fn() -> io::Result<Socket>,
    ready: impl FnOnce(&Socket) -> io::Result<()>,
) -> io::Result<(Socket, SocketFile)> {
    bind_with_hook(path, kind, make_socket, ready, |_| ())
}

/// Points at which another server can interfere. Tests run code there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RacePoint {
    /// The file is stale and is about to be removed.
    Stale,
    /// The socket is bound and not ready yet.
    Bound,
}

fn bind_with_hook(
    path: &Path,
    kind: Type,
    make_socket: impl Fn() -> io::Result<Socket>,
    ready: impl FnOnce(&Socket) -> io::Result<()>,
    hook: impl Fn(RacePoint),
) -> io::Result<(Socket, SocketFile)> {
    let target = SocketPath::new(path)?;
    let _lock = FolderLock::acquire(&target.path);
    let mut socket = make_socket()?;
    if let Err(error) = socket.bind(&target.addr) {
        if error.kind() != io::ErrorKind::AddrInUse || !target.remove_stale(kind, &hook)? {
            return Err(error);
        }
        socket = make_socket()?;
        socket.bind(&target.addr)?;
    }
    // Read the inode before `ready`: until then, a program that does not use the lock may take the
    // file for a stale one.
    let created = Inode::of_socket_at(&target.path);
    hook(RacePoint::Bound);
    let ready_result = ready(&socket);
    let file = SocketFile::new(target.path, created, &socket)?;
    ready_result?;
    Ok((socket, file))
}

/// The path at which a socket is to be bound.
struct SocketPath {
    /// Absolute, because the file is removed later, and the working directory may have changed by
    /// then.
    path: PathBuf,
    /// The same file, by a path that fits into the address of a socket.
    short_path: PathBuf,
    addr: SockAddr,
}

impl SocketPath {
    /// Makes `given` absolute, which is what peers see. The path as it was given is used for the
    /// address if the absolute path is too long.
    fn new(given: &Path) -> io::Result<Self> {
        if given.as_os_str().as_bytes().contains(&0) {
            let text =
                "the path of a Unix socket has no byte of zero; abstract names have functions of their own";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let path = std::path::absolute(given)?;
        Ok(match SockAddr::unix(&path) {
            Ok(addr) => Self { short_path: path.clone(), path, addr },
            Err(_) => Self { path, short_path: given.to_owned(), addr: SockAddr::unix(given)? },
        })
    }

    /// Removes the file if it is stale. Returns whether the path is free.
    fn remove_stale(&self, kind: Type, hook: impl Fn(RacePoint)) -> io::Result<bool> {
        let Some(found) = Inode::of_socket_at(&self.path) else { return Ok(!self.path.exists()) };
        if !is_stale(&self.addr, kind)? {
            return Ok(false);
        }
        hook(RacePoint::Stale);
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let suffix = format!(".stale-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let [moved, short_path] = [&self.path, &self.short_path].map(|path| {
            let mut moved = path.as_os_str().to_owned();
            moved.push(&suffix);
            PathBuf::from(moved)
        });
        match fs::rename(&self.path, &moved) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        }
        // Check the inode again, and connect once more: a socket that was bound a moment ago
        // listens by now.
        let stale = Inode::of_socket_at(&moved) == Some(found)
            && SockAddr::unix(&short_path).map_or(Ok(true), |addr| is_stale(&addr, kind))?;
        if !stale {
            // A hard link does not replace a file that was created meanwhile.
            let _ = fs::hard_link(&moved, &self.path);
        }
        fs::remove_file(&moved)?;
        Ok(stale)
    }
}

/// Returns whether no socket is bound to the file. Connecting to a socket of the other type fails
/// with another error, so such a file is not stale.
fn is_stale(addr: &SockAddr, kind: Type) -> io::Result<bool> {
    let probe = Socket::new(Domain::UNIX, kind, None)?;
    // A server whose backlog is full uses the file too; do not wait for it.
    probe.set_nonblocking(true)?;
    Ok(probe.connect(addr).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
}

/// Identifies a file independently of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    /// Returns the inode of the socket at `path`, if there is one.
    fn of_socket_at(path: &Path) -> Option<Self> {
        let found = fs::symlink_metadata(path).ok().filter(|found| found.file_type().is_socket())?;
        Some(Self { device: found.dev(), number: found.ino() })
    }
}

/// The file of a socket that was bound here. Dropping it removes the file, if it is still the same.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: Inode,
    /// Closed after the file was removed, so that its inode number is not reused before.
    _socket: OwnedFd,
}

impl SocketFile {
    /// Returns an error unless the file at `path` is still the one that was `created`.
    fn new(path: PathBuf, created: Option<Inode>, socket: &Socket) -> io::Result<Self> {
        let error = |kind, text| Err(io::Error::new(kind, text));
        match (Inode::of_socket_at(&path), created) {
            (Some(inode), Some(created)) if inode == created => {
                Ok(Self { path, inode, _socket: socket.as_fd().try_clone_to_owned()? })
            }
            (Some(_), _) => error(io::ErrorKind::AddrInUse, "another server was quicker"),
            (None, _) => error(io::ErrorKind::NotFound, "the socket's file was removed by someone else"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _lock = FolderLock::acquire(&self.path);
        if Inode::of_socket_at(&self.path) == Some(self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A lock (`flock`) of a folder, for creating and removing sockets in it. Released on drop.
#[cfg(not(any(target_os = "redox", target_os = "solaris")))]
struct FolderLock {
    _lock: nix::fcntl::Flock<File>,
}

#[cfg(not(any(target_os = "redox", target_os = "solaris")))]
impl FolderLock {
    /// Waits for the lock of the folder of `path`. Returns `None` if the folder cannot be locked,
    /// or if another process holds the lock for too long; the caller continues without it.
    fn acquire(path: &Path) -> Option<Self> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            match Self::try_acquire(path)? {
                Ok(lock) => return Some(lock),
                Err(()) if Instant::now() >= deadline => return None,
                Err(()) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Returns `Err` if another process or thread holds the lock.
    fn try_acquire(path: &Path) -> Option<Result<Self, ()>> {
        use nix::errno::Errno;
        use nix::fcntl::{Flock, FlockArg};

        let folder = File::open(path.parent()?).ok()?;
        match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Some(Ok(Self { _lock: lock })),
            Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => Some(Err(())),
            Err(_) => None,
        }
    }
}

/// These systems have no `flock`, so the lock covers this process only.
#[cfg(any(target_os = "redox", target_os = "solaris"))]
struct FolderLock {
    _guard: std::sync::MutexGuard<'static, ()>,
}

#[cfg(any(target_os = "redox", target_os = "solaris"))]
impl FolderLock {
    fn acquire(_: &Path) -> Option<Self> {
        static PROCESS_LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
        Some(Self { _guard: PROCESS_LOCK.lock().unwrap_or_else(std::sync::PoisonError::into_inner) })
    }
}

#[cfg(test)]
mod tests;
