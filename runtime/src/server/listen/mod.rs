//! [`Listener`]: a socket that listens, of any kind, before it is served.
//!
//! - this file: what all kinds have in common, and sockets that the user has made;
//! - [`tcp`]: [`TcpOptions`], and addresses to sockets;
//! - [`unix`]: [`UnixOptions`], and names to sockets;
//! - [`systemd`]: sockets that were opened for this process before it began.

#[cfg(feature = "systemd")]
pub(super) mod systemd;
pub(super) mod tcp;
#[cfg(unix)]
pub(super) mod unix;

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixListener};

use self::tcp::TcpOptions;
#[cfg(unix)]
use self::unix::UnixOptions;
use crate::datagram::Socket;
#[cfg(unix)]
use crate::sockets::socket_file::SocketFile;
#[cfg(feature = "tls")]
use crate::transport::tls::Tls;

/// A socket that listens, for [`Server::listen`](crate::Server::listen), or one that receives datagrams, for
/// [`Server::receive`](crate::Server::receive): `Listener::from` one of std that you made, or from
#[cfg_attr(feature = "systemd", doc = "[`listen_fds`](crate::listen_fds).")]
#[cfg_attr(not(feature = "systemd"), doc = "`listen_fds` (feature `systemd`).")]
#[derive(Debug)]
pub struct Listener {
    pub(super) kind: Kind,
    name: Option<String>,
}

#[derive(Debug)]
pub(super) enum Kind {
    Tcp {
        socket: TcpListener,
        options: TcpOptions,
    },
    #[cfg(feature = "tls")]
    Tls {
        socket: TcpListener,
        options: TcpOptions,
        tls: Tls,
    },
    #[cfg(unix)]
    Unix {
        socket: UnixListener,
        #[cfg(feature = "tls")]
        tls: Option<Tls>,
        /// Kept until nothing more is accepted. There is none if the socket came from elsewhere, or has no file.
        file: Option<SocketFile>,
        options: UnixOptions,
    },
    Datagrams(Socket),
}

impl Listener {
    pub(super) fn of(kind: Kind) -> Self {
        Self { kind, name: None }
    }

    #[cfg(feature = "systemd")]
    fn named(self, name: Option<String>) -> Self {
        Self { name, ..self }
    }

    /// The name that systemd has for the socket (`FileDescriptorName=`, by `LISTEN_FDNAMES`), if it comes from there. Without a
    /// name of its own it is that of the socket unit.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether it receives datagrams: then it is for [`Server::receive`](crate::Server::receive), with a codec of them.
    pub fn is_datagram(&self) -> bool {
        matches!(self.kind, Kind::Datagrams(_))
    }

    /// The same, for clients that speak TLS.
    ///
    /// # Errors
    /// `Unsupported` if it speaks TLS already, or passes descriptors (`UnixOptions::pass_fds`), which do not go through TLS.
    #[cfg(feature = "tls")]
    pub fn tls(self, tls: Tls) -> io::Result<Self> {
        match self.kind {
            Kind::Tcp { socket, options } => Ok(Self { kind: Kind::Tls { socket, options, tls }, ..self }),
            #[cfg(unix)]
            Kind::Unix { socket, tls: None, file, options } if !options.passes_fds() => {
                Ok(Self { kind: Kind::Unix { socket, tls: Some(tls), file, options }, ..self })
            }
            _ => Err(io::Error::new(io::ErrorKind::Unsupported, "TLS is served over plain sockets")),
        }
    }

    /// The address, if it is one of IP.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.kind {
            Kind::Tcp { socket, .. } => socket.local_addr().ok(),
            #[cfg(feature = "tls")]
            Kind::Tls { socket, .. } => socket.local_addr().ok(),
            #[cfg(unix)]
            Kind::Unix { .. } => None,
            Kind::Datagrams(socket) => socket.local_addr().ok()?.ip(),
        }
    }

    /// The address, if it is one of a Unix socket.
    #[cfg(unix)]
    pub fn unix_addr(&self) -> Option<UnixAddr> {
        match &self.kind {
            Kind::Unix { socket, .. } => socket.local_addr().ok(),
            Kind::Datagrams(socket) => socket.local_addr().ok()?.to_unix().ok(),
            _ => None,
        }
    }

    #[cfg(unix)]
    pub(super) fn unix(socket: UnixListener, file: Option<SocketFile>, options: UnixOptions) -> Self {
        Self::of(Kind::Unix {
            socket,
            #[cfg(feature = "tls")]
            tls: None,
            file,
            options,
        })
    }

    /// Connections are accepted on a loop, which must not block.
    pub(super) fn set_nonblocking(&self) -> io::Result<()> {
        match &self.kind {
            Kind::Tcp { socket, .. } => socket.set_nonblocking(true),
            #[cfg(feature = "tls")]
            Kind::Tls { socket, .. } => socket.set_nonblocking(true),
            #[cfg(unix)]
            Kind::Unix { socket, .. } => socket.set_nonblocking(true),
            Kind::Datagrams(socket) => socket.set_nonblocking(),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self::of(Kind::Tcp { socket, options: TcpOptions::default() })
    }
}

impl From<UdpSocket> for Listener {
    fn from(socket: UdpSocket) -> Self {
        Self::of(Kind::Datagrams(Socket::udp_of(socket)))
    }
}

/// Its file, if it has one, is left to whoever made the socket.
#[cfg(unix)]
impl From<UnixDatagram> for Listener {
    fn from(socket: UnixDatagram) -> Self {
        Self::of(Kind::Datagrams(Socket::Unix(socket, None)))
    }
}

/// Its file, if it has one, is left to whoever made the socket.
#[cfg(unix)]
impl From<UnixListener> for Listener {
    fn from(socket: UnixListener) -> Self {
        Self::unix(socket, None, UnixOptions::default())
    }
}
