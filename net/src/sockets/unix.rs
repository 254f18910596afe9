//! [`Unix`]: the address of a Unix socket with its options.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

#[cfg(any(target_os = "linux", target_os = "android"))]
use socket2::SockAddr;
use socket2::{Domain, Socket, Type};

use super::socket_file::{self, SocketFile};

/// The path or abstract name of a Unix socket, with the options of the socket.
/// [`Server::listen`](crate::Server::listen) listens there, and
/// [`Client::connect`](crate::Client::connect) connects to it.
///
/// ```
/// use portcullis::Unix;
///
/// let unix = Unix::new("/run/desk.sock").mode(0o660);
/// ```
///
/// A server replaces a stale file at the path, which an earlier server has left. It removes its own
/// file when it stops, if the file is still its own. If several servers replace one file at once,
/// one succeeds; they hold a lock (`flock`) of the folder while they do.
///
/// A relative path is made absolute, and [`unix_addrs`](crate::Server::unix_addrs) returns the
/// absolute path. If that is longer than the address of a socket may be (107 bytes on Linux), the
/// path is used as it was given: a short relative path can be bound in a deep folder.
///
/// `Unix::from(listener)` takes a `UnixListener` of std that already listens. Its file, if it has
/// one, is not removed.
///
/// # Errors
/// Listening fails if another server listens there, or if the file is not a socket (`AddrInUse`);
/// if the file cannot be created; and with `InvalidInput` if the path is too long in both forms, if
/// the mode is not a file mode, or if a mode is given for an abstract name.
#[derive(Clone, Debug)]
#[must_use = "an address does nothing before a server listens there or a client connects to it"]
pub struct Unix<A = UnixName> {
    pub(crate) addr: A,
    pub(crate) options: UnixOptions,
}

/// A path, or an abstract name in the kernel (Linux).
#[derive(Clone, Debug)]
pub struct UnixName(pub(crate) Name);

#[derive(Clone, Debug)]
pub(crate) enum Name {
    Path(PathBuf),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Abstract(Vec<u8>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct UnixOptions {
    mode: Option<u32>,
    backlog: u32,
}

impl Default for UnixOptions {
    fn default() -> Self {
        Self { mode: None, backlog: 1024 }
    }
}

impl Unix {
    /// The socket at `path`, with the default options: permissions according to the umask of the
    /// process, and a backlog of 1024.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let addr = UnixName(Name::Path(path.as_ref().to_owned()));
        Self { addr, options: UnixOptions::default() }
    }

    /// The socket with an abstract name, which has no file and no permissions (Linux only). Every
    /// process in the same network namespace may connect: check
    /// [`Peer::credentials`](portcullis_service::Peer::credentials).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn abstract_name(name: impl AsRef<[u8]>) -> Self {
        let addr = UnixName(Name::Abstract(name.as_ref().to_owned()));
        Self { addr, options: UnixOptions::default() }
    }

    /// Sets the permissions of the socket's file: processes that may write to it may connect. On
    /// Linux the file never has more permissions than these, not even between its creation and this
    /// setting.
    pub fn mode(mut self, mode: u32) -> Self {
        self.options.mode = Some(mode);
        self
    }

    /// Sets how many connections may wait in the kernel to be accepted; the system has its own
    /// limit. 1024 by default.
    pub fn backlog(mut self, count: u32) -> Self {
        self.options.backlog = count;
        self
    }

    pub(crate) fn open(&self) -> io::Result<(UnixListener, Option<SocketFile>)> {
        match &self.addr.0 {
            Name::Path(path) => self.options.listen(path).map(|(socket, file)| (socket, Some(file))),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Name::Abstract(name) => self.options.listen_abstract(name).map(|socket| (socket, None)),
        }
    }
}

impl From<UnixListener> for Unix<UnixListener> {
    fn from(listener: UnixListener) -> Self {
        Self { addr: listener, options: UnixOptions::default() }
    }
}

impl<A> Unix<A> {
    /// Makes the server receive and send descriptors with messages:
    /// [`Peer::take_fd`](crate::FdPeer::take_fd), [`Peer::attach_fd`](crate::FdPeer::attach_fd). At
    /// most `count` descriptors (and at most 253) wait in each direction; a peer that sends more
    /// than the handlers take is disconnected. Without this, the kernel closes the descriptors that
    /// a peer passes. Set the other options first.
    #[cfg(feature = "fds")]
    pub fn pass_fds(self, count: usize) -> super::wrappers::PassFds<Self> {
        super::wrappers::PassFds { inner: self, count }
    }

    /// Wraps the address in TLS: then the peer also has a certificate, in addition to the
    /// credentials from the kernel. `config` is a [`Tls`](crate::Tls) for a server, or a
    /// [`ClientTls`](crate::ClientTls) for a client. Set the other options first.
    #[cfg(feature = "tls")]
    pub fn tls<T>(self, config: T) -> super::wrappers::OverTls<Self, T> {
        super::wrappers::OverTls::new(self, config)
    }
}

impl UnixName {
    /// Returns the path in tokio's form, where an abstract name is a path that begins with a zero
    /// byte.
    pub(crate) fn to_path(&self) -> PathBuf {
        match &self.0 {
            Name::Path(path) => path.clone(),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Name::Abstract(name) => {
                use std::ffi::OsString;
                use std::os::unix::ffi::OsStringExt;

                OsString::from_vec([b"\0", name.as_slice()].concat()).into()
            }
        }
    }

    /// Returns the address in std's form.
    pub(crate) fn to_addr(&self) -> io::Result<std::os::unix::net::SocketAddr> {
        match &self.0 {
            Name::Path(path) => std::os::unix::net::SocketAddr::from_pathname(path),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Name::Abstract(name) => {
                #[cfg(target_os = "android")]
                use std::os::android::net::SocketAddrExt;
                #[cfg(target_os = "linux")]
                use std::os::linux::net::SocketAddrExt;

                std::os::unix::net::SocketAddr::from_abstract_name(name)
            }
        }
    }
}

impl UnixOptions {
    /// Listens at `path`, and replaces a stale file there.
    fn listen(&self, path: &Path) -> io::Result<(UnixListener, SocketFile)> {
        if let Some(mode) = self.mode.filter(|mode| mode & !0o7777 != 0) {
            return Err(invalid_input(format!("`mode`: {mode:#o} is not a file mode")));
        }
        let listen = |socket: &Socket| socket.listen(self.backlog.try_into().unwrap_or(i32::MAX));
        let (socket, file) = socket_file::bind(path, Type::STREAM, || self.new_socket(), listen)?;
        if let Some(mode) = self.mode {
            fs::set_permissions(file.path(), Permissions::from_mode(mode))?;
        }
        Ok((socket.into(), file))
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn listen_abstract(&self, name: &[u8]) -> io::Result<UnixListener> {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        if self.mode.is_some() {
            return Err(invalid_input("`mode`: an abstract socket has no file, so it has no permissions"));
        }
        let addr = SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat()))?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&addr)?;
        socket.listen(self.backlog.try_into().unwrap_or(i32::MAX))?;
        Ok(socket.into())
    }

    /// On Linux, the file gets the permissions that the socket has when it is bound, so they are
    /// set before.
    fn new_socket(&self) -> io::Result<Socket> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        let Some(mode) = self.mode else { return Ok(socket) };
        let descriptor = File::from(OwnedFd::from(socket));
        // On other systems this fails or has no effect, and `listen` sets the mode after the file
        // exists.
        let _ = descriptor.set_permissions(Permissions::from_mode(mode));
        Ok(OwnedFd::from(descriptor).into())
    }
}

fn invalid_input(text: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
