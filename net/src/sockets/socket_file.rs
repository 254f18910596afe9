//! [`SocketFile`]: the file of a Unix socket that was bound here, of streams and of datagrams.
//!
//! A socket's file outlives the process that made it. So one behind which nobody is any more is
//! replaced, one behind which somebody is is an error; and at the end a file is removed only if it
//! is the one that was made here.
//!
//! Two servers may do that at once. Each holds a lock of the folder, from its first look at the
//! file until its own is ready, and while it removes its own. A program that knows nothing of the
//! lock may put a socket there in between: so a file is put aside before it is looked at for the
//! last time, and it goes back if it is in use. A file is known by its inode, whose number can't be
//! that of another file as long as the socket is open: the last descriptor is closed after the file
//! was removed.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{io, thread};

use socket2::{Domain, SockAddr, Socket, Type};

/// How long somebody else may hold the lock of a folder. Anyone who can read the folder could hold
/// it for ever.
const PATIENCE: Duration = Duration::from_secs(2);

/// Binds the socket that `make` makes at `path`, and lets `ready` do what else it takes to be found
/// there.
///
/// # Errors
/// `AddrInUse`: somebody is there. Else what the system says: the file can't be made, the path is
/// too long.
pub(crate) fn bind(
    path: &Path,
    kind: Type,
    make: impl Fn() -> io::Result<Socket>,
    ready: impl FnOnce(&Socket) -> io::Result<()>,
) -> io::Result<(Socket, SocketFile)> {
    bind_and_look(path, kind, make, ready, |_| ())
}

/// Moments in which another server may come between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    /// Nobody is behind the file, which is about to be removed.
    Stale,
    /// The socket is bound, and not ready yet.
    Bound,
}

fn bind_and_look(
    path: &Path,
    kind: Type,
    make: impl Fn() -> io::Result<Socket>,
    ready: impl FnOnce(&Socket) -> io::Result<()>,
    look: impl Fn(Gap),
) -> io::Result<(Socket, SocketFile)> {
    let place = Place::of(path)?;
    let _lock = FolderLock::of(&place.path);
    let mut socket = make()?;
    if let Err(error) = socket.bind(&place.addr) {
        if error.kind() != io::ErrorKind::AddrInUse || !place.remove_stale(kind, &look)? {
            return Err(error);
        }
        socket = make()?;
        socket.bind(&place.addr)?;
    }
    // At once: as long as it is not ready, a program without the lock may take the file for one
    // that was left behind.
    let made = Inode::at(&place.path);
    look(Gap::Bound);
    let readied = ready(&socket);
    let file = SocketFile::of(place.path, made, &socket)?;
    readied?;
    Ok((socket, file))
}

/// Where a socket is to be.
struct Place {
    /// From the root: the file is removed in the end, wherever this process is then.
    path: PathBuf,
    /// The same, as short as a socket's address must be.
    reach: PathBuf,
    addr: SockAddr,
}

impl Place {
    /// A path from the root is what peers can be told. It may be too long for a socket's address
    /// where the path that was given is not.
    fn of(given: &Path) -> io::Result<Self> {
        if given.as_os_str().as_bytes().contains(&0) {
            let text =
                "the path of a Unix socket has no byte of zero; abstract names have functions of their own";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let path = std::path::absolute(given)?;
        Ok(match SockAddr::unix(&path) {
            Ok(addr) => Self { reach: path.clone(), path, addr },
            Err(_) => Self { path, reach: given.to_owned(), addr: SockAddr::unix(given)? },
        })
    }

    /// Removes the file if nobody is behind it. Whether there is a place now.
    fn remove_stale(&self, kind: Type, look: impl Fn(Gap)) -> io::Result<bool> {
        let Some(found) = Inode::at(&self.path) else { return Ok(!self.path.exists()) };
        if !nobody_is_behind(&self.addr, kind)? {
            return Ok(false);
        }
        look(Gap::Stale);
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let suffix = format!(".stale-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let [aside, reach] = [&self.path, &self.reach].map(|path| {
            let mut aside = path.as_os_str().to_owned();
            aside.push(&suffix);
            PathBuf::from(aside)
        });
        match fs::rename(&self.path, &aside) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        }
        // And one that has only just bound its socket listens by now, if it was not held up.
        let stale = Inode::at(&aside) == Some(found)
            && SockAddr::unix(&reach).map_or(Ok(true), |addr| nobody_is_behind(&addr, kind))?;
        if !stale {
            // Not over one that is newer still.
            let _ = fs::hard_link(&aside, &self.path);
        }
        fs::remove_file(&aside)?;
        Ok(stale)
    }
}

/// A socket of the other kind is not: connecting to it is refused with another error.
fn nobody_is_behind(addr: &SockAddr, kind: Type) -> io::Result<bool> {
    let probe = Socket::new(Domain::UNIX, kind, None)?;
    // One whose queue is full is listened to as well: it must not hold us up.
    probe.set_nonblocking(true)?;
    Ok(probe.connect(addr).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused))
}

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
}

impl Inode {
    /// Of the socket at `path`, if there is one.
    fn at(path: &Path) -> Option<Self> {
        let found = fs::symlink_metadata(path).ok().filter(|found| found.file_type().is_socket())?;
        Some(Self { device: found.dev(), number: found.ino() })
    }
}

/// A socket's file that was made here. Dropped, it removes the file, if that is still the same.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: Inode,
    /// Closed after the file was removed.
    _socket: OwnedFd,
}

impl SocketFile {
    /// The file at `path`, if it still is the one that was `made`.
    fn of(path: PathBuf, made: Option<Inode>, socket: &Socket) -> io::Result<Self> {
        let error = |kind, text| Err(io::Error::new(kind, text));
        match (Inode::at(&path), made) {
            (Some(inode), Some(made)) if inode == made => {
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
        let _lock = FolderLock::of(&self.path);
        if Inode::at(&self.path) == Some(self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The right to make and to remove sockets in a folder, among those who ask for it; free again when
/// it is dropped.
#[cfg(not(any(target_os = "redox", target_os = "solaris")))]
struct FolderLock {
    _lock: nix::fcntl::Flock<File>,
}

#[cfg(not(any(target_os = "redox", target_os = "solaris")))]
impl FolderLock {
    /// The lock of the folder that `path` is in. `None` where there can be none, or somebody holds
    /// it for too long: then it must do without.
    fn of(path: &Path) -> Option<Self> {
        let until = Instant::now() + PATIENCE;
        loop {
            match Self::try_of(path)? {
                Ok(lock) => return Some(lock),
                Err(()) if Instant::now() >= until => return None,
                Err(()) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// `Err` if somebody holds it.
    fn try_of(path: &Path) -> Option<Result<Self, ()>> {
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

/// There is no such lock: in this process nobody comes between.
#[cfg(any(target_os = "redox", target_os = "solaris"))]
struct FolderLock {
    _turn: std::sync::MutexGuard<'static, ()>,
}

#[cfg(any(target_os = "redox", target_os = "solaris"))]
impl FolderLock {
    fn of(_: &Path) -> Option<Self> {
        static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
        Some(Self { _turn: TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner) })
    }
}

#[cfg(test)]
mod tests;
