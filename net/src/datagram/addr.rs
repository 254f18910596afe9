//! [`DatagramAddr`]: the source or destination of a datagram.

#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
#[cfg(unix)]
use std::os::unix::net::SocketAddr as UnixAddr;
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::{fmt, io, net::SocketAddr};

/// The source or destination of a datagram.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DatagramAddr {
    /// A UDP port.
    Ip(SocketAddr),
    /// The file of a Unix socket.
    #[cfg(unix)]
    Path(PathBuf),
    /// The abstract name of a Unix socket, which has no file.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Abstract(Vec<u8>),
    /// A Unix socket that was never bound. It cannot receive an answer.
    Unnamed,
}

impl DatagramAddr {
    /// Returns the IP address and port, if it is a UDP address.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(addr) => Some(*addr),
            #[allow(unreachable_patterns)]
            _ => None,
        }
    }

    #[cfg(unix)]
    pub(super) fn of_unix(addr: &UnixAddr) -> Self {
        if let Some(path) = addr.as_pathname() {
            return Self::Path(path.to_owned());
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = abstract_name(addr) {
            return Self::Abstract(name.to_owned());
        }
        Self::Unnamed
    }

    #[cfg(unix)]
    pub(crate) fn to_unix(&self) -> io::Result<UnixAddr> {
        match self {
            Self::Path(path) => UnixAddr::from_pathname(path),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Self::Abstract(name) => abstract_addr(name),
            Self::Ip(_) | Self::Unnamed => Err(wrong_address_family()),
        }
    }
}

/// Writes an abstract name as `@name`, as `ss` and systemd do.
impl fmt::Display for DatagramAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(addr) => addr.fmt(f),
            #[cfg(unix)]
            Self::Path(path) => path.display().fmt(f),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Self::Abstract(name) => write!(f, "@{}", name.escape_ascii()),
            Self::Unnamed => f.write_str("(unnamed)"),
        }
    }
}

impl From<SocketAddr> for DatagramAddr {
    fn from(addr: SocketAddr) -> Self {
        Self::Ip(addr)
    }
}

#[cfg(unix)]
impl From<&Path> for DatagramAddr {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_name(addr: &UnixAddr) -> Option<&[u8]> {
    addr.as_abstract_name()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn abstract_addr(name: &[u8]) -> io::Result<UnixAddr> {
    UnixAddr::from_abstract_name(name)
}

/// The error of sending to an address of another kind than that of the socket.
pub(super) fn wrong_address_family() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "address family not supported by this socket")
}
