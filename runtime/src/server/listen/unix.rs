//! [`UnixOptions`], names to sockets, and [`SocketFile`]: whose the file is.
//!
//! A socket's file outlives the process that made it. So one that nobody listens behind is replaced, one that
//! somebody does is an error; and at the end a file is removed only if it is the one that was made here.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use socket2::{Domain, SockAddr, Socket, Type};

/// How a Unix socket is opened.
///
/// ```
/// # use portcullis_runtime as portcullis;
/// let options = portcullis::UnixOptions::new().mode(0o660);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "options do nothing before a listener is bound with them"]
pub struct UnixOptions {
    mode: Option<u32>,
    backlog: u32,
    #[cfg(feature = "fds")]
    pub(in crate::server) pass_fds: Option<usize>,
}

impl Default for UnixOptions {
    fn default() -> Self {
        Self {
            mode: None,
            backlog: 1024,
            #[cfg(feature = "fds")]
            pass_fds: None,
        }
    }
}

impl UnixOptions {
    /// The defaults: the mode that the process' umask leaves, a backlog of 1024.
    pub fn new() -> Self {
        Self::default()
    }

    /// The permissions of the socket's file: who may write to it may connect. On Linux it never has more than these,
    /// not even for a moment. Abstract names have no file and no permissions, so binding one with a mode is an error
    /// (`InvalidInput`), as is a mode that no file can have.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// How many connections wait in the kernel; the system has a limit of its own. 1024 unless said otherwise.
    pub fn backlog(mut self, count: u32) -> Self {
        self.backlog = count;
        self
    }

    /// Lets descriptors go along with messages: [`Peer::take_fd`](crate::Peer::take_fd),
    /// [`Peer::attach_fd`](crate::Peer::attach_fd). Each way at most `count` (and 253) wait: a peer that sends more, which nobody takes,
    /// is cut off. Without this, what a peer passes is closed by the kernel.
    #[cfg(feature = "fds")]
    pub fn pass_fds(mut self, count: usize) -> Self {
        self.pass_fds = Some(count);
        self
    }

    #[cfg(feature = "tls")]
    pub(super) fn passes_fds(&self) -> bool {
        #[cfg(feature = "fds")]
        return self.pass_fds.is_some();
        #[cfg(not(feature = "fds"))]
        false
    }

    /// Listens at `path`; what is left there of a server that is gone is replaced.
    pub(in crate::server) fn listen(&self, path: &Path) -> io::Result<(UnixListener, SocketFile)> {
        if let Some(mode) = self.mode.filter(|mode| mode & !0o7777 != 0) {
            return Err(invalid(format!("`mode`: {mode:#o} is no mode of a file")));
        }
        // The file is removed in the end, wherever this process is then.
        let path = std::path::absolute(path)?;
        let addr = SockAddr::unix(&path)?;
        let mut socket = self.socket()?;
        // Between binding and listening a socket looks like one that was left behind. In this process nobody looks then.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = socket.bind(&addr) {
            if error.kind() != io::ErrorKind::AddrInUse || !remove_stale(&path, &addr)? {
                return Err(error);
            }
            socket = self.socket()?;
            socket.bind(&addr)?;
        }
        // At once: as long as nobody listens, a server of another process may take the file for one that was left behind.
        // One that has done so in between has made its own there.
        let made = Inode::at(&path);
        let listening = socket.listen(self.backlog.try_into().unwrap_or(i32::MAX));
        let file = SocketFile::of(path, made)?;
        listening?;
        if let Some(mode) = self.mode {
            fs::set_permissions(&file.path, Permissions::from_mode(mode))?;
        }
        Ok((socket.into(), file))
    }

    /// Listens at an abstract name.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::server) fn listen_abstract(&self, name: &[u8]) -> io::Result<UnixListener> {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        if self.mode.is_some() {
            return Err(invalid("`mode`: an abstract name has no file, and so no permissions"));
        }
        let addr = SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat()))?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&addr)?;
        socket.listen(self.backlog.try_into().unwrap_or(i32::MAX))?;
        Ok(socket.into())
    }

    /// On Linux a file is made with the permissions that its socket has, so they are set before there is one.
    fn socket(&self) -> io::Result<Socket> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        let Some(mode) = self.mode else { return Ok(socket) };
        let descriptor = File::from(OwnedFd::from(socket));
        // Where that is not so, the mode is set as soon as the file is there.
        let _ = descriptor.set_permissions(Permissions::from_mode(mode));
        Ok(OwnedFd::from(descriptor).into())
    }
}

fn invalid(text: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// Removes the socket at `path` if nobody listens behind it. Whether there is a place now.
fn remove_stale(path: &Path, addr: &SockAddr) -> io::Result<bool> {
    let Some(found) = Inode::at(path) else { return Ok(true) };
    if !nobody_listens(addr)? {
        return Ok(false);
    }
    // Another server may be at this, too, and may have put its own socket there by now: so the file is put aside before
    // it is looked at again.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".stale-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let aside = PathBuf::from(aside);
    match fs::rename(path, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    }
    // And one that has only just bound its socket listens by now, if it was not held up.
    let stale = Inode::at(&aside) == Some(found)
        && SockAddr::unix(&aside).map_or(Ok(true), |addr| nobody_listens(&addr))?;
    if !stale {
        // Not over one that is newer still.
        let _ = fs::hard_link(&aside, path);
    }
    fs::remove_file(&aside)?;
    Ok(stale)
}

fn nobody_listens(addr: &SockAddr) -> io::Result<bool> {
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
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
pub(in crate::server) struct SocketFile {
    path: PathBuf,
    inode: Inode,
}

impl SocketFile {
    /// The file at `path`, if it still is the one that was `made`.
    fn of(path: PathBuf, made: Option<Inode>) -> io::Result<Self> {
        let error = |kind, text| Err(io::Error::new(kind, text));
        match (Inode::at(&path), made) {
            (Some(inode), Some(made)) if inode == made => Ok(Self { path, inode }),
            (Some(_), _) => error(io::ErrorKind::AddrInUse, "another server was quicker"),
            (None, _) => error(io::ErrorKind::NotFound, "the socket's file was removed by someone else"),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if Inode::at(&self.path) == Some(self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
