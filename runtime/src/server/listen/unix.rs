//! [`UnixOptions`], and names to sockets.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

#[cfg(any(target_os = "linux", target_os = "android"))]
use socket2::SockAddr;
use socket2::{Domain, Socket, Type};

use crate::sockets::socket_file::{self, SocketFile};

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

    /// Lets descriptors go along with messages: [`FdPeer::take_fd`](crate::FdPeer::take_fd),
    /// [`FdPeer::attach_fd`](crate::FdPeer::attach_fd). Each way at most `count` (and 253) wait: a peer that sends more, which nobody takes,
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
        let listen = |socket: &Socket| socket.listen(self.backlog.try_into().unwrap_or(i32::MAX));
        let (socket, file) = socket_file::bind(path, Type::STREAM, || self.socket(), listen)?;
        if let Some(mode) = self.mode {
            fs::set_permissions(file.path(), Permissions::from_mode(mode))?;
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
