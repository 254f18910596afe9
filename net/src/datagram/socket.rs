//! [`Socket`]: a datagram socket of std, which is bound and may block.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::unix::net::SocketAddr as UnixAddr;
#[cfg(unix)]
use std::os::unix::net::UnixDatagram;
#[cfg(unix)]
use std::path::Path;
use std::time::Duration;

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::addr::abstract_addr;
use super::addr::{DatagramAddr, wrong_address_family};
use super::is_deferred_error;
use super::udp::{self, UdpOptions};
#[cfg(unix)]
use crate::codec::private::MAX_DATAGRAM;
use crate::codec::private::MAX_UDP_PAYLOAD;
#[cfg(unix)]
use crate::sockets::socket_file::{self, SocketFile};
use crate::sockets::try_each_addr;
#[cfg(unix)]
use crate::sockets::unix::{Name, UnixName};

/// The addresses of a name that an endpoint has not tried yet, and the options of the sockets that
/// connect to them.
#[derive(Debug, Default)]
pub(crate) struct FallbackAddrs {
    addrs: std::vec::IntoIter<SocketAddr>,
    options: UdpOptions,
}

impl FallbackAddrs {
    pub(crate) fn is_empty(&self) -> bool {
        self.addrs.len() == 0
    }
}

/// A bound socket of std.
#[derive(Debug)]
pub(crate) enum Socket {
    Udp(UdpSocket),
    /// The socket, and its file, if it has one.
    #[cfg(unix)]
    Unix(UnixDatagram, Option<SocketFile>),
}

impl Socket {
    pub(super) fn bind_udp(addr: impl ToSocketAddrs, options: &UdpOptions) -> io::Result<Self> {
        Ok(Self::Udp(options.bind(addr)?))
    }

    /// Takes a socket that was made elsewhere.
    pub(super) fn from_udp(socket: UdpSocket) -> Self {
        if let Ok(addr) = socket.local_addr() {
            udp::enable_packet_info(&socket, addr);
        }
        Self::Udp(socket)
    }

    /// Makes a socket that is connected to the first address with a route. The remaining addresses
    /// are returned as well.
    pub(super) fn connect_udp(
        addrs: Vec<SocketAddr>,
        options: UdpOptions,
    ) -> io::Result<(Self, FallbackAddrs)> {
        let mut left = addrs.clone().into_iter();
        let socket = try_each_addr(&addrs[..], |addr| {
            left.next();
            let socket = options.bind_to_connect(addr)?;
            socket.connect(addr)?;
            Ok(Self::Udp(socket))
        })?;
        Ok((socket, FallbackAddrs { addrs: left, options }))
    }

    /// Like [`connect_udp`](Self::connect_udp), to the next of these addresses.
    pub(crate) fn connect_next(others: FallbackAddrs) -> io::Result<(Self, FallbackAddrs)> {
        Self::connect_udp(others.addrs.collect(), others.options)
    }

    /// Binds a socket to `name`.
    #[cfg(unix)]
    pub(super) fn bind_unix(name: &UnixName) -> io::Result<Self> {
        match &name.0 {
            Name::Path(path) => Self::bind_unix_path(path),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Name::Abstract(name) => Self::bind_unix_abstract(name),
        }
    }

    #[cfg(unix)]
    fn bind_unix_path(path: &Path) -> io::Result<Self> {
        let make = || socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::DGRAM, None);
        let (socket, file) = socket_file::bind(path, socket2::Type::DGRAM, make, |_| Ok(()))?;
        Ok(Self::Unix(socket.into(), Some(file)))
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn bind_unix_abstract(name: &[u8]) -> io::Result<Self> {
        Ok(Self::Unix(UnixDatagram::bind_addr(&abstract_addr(name)?)?, None))
    }

    /// Makes a socket that is connected to `to`. It gets a name, so that the peer can answer.
    #[cfg(unix)]
    pub(super) fn connect_unix(to: &UnixName) -> io::Result<Self> {
        let this = Self::autobind_unix()?;
        if let Self::Unix(socket, _) = &this {
            socket.connect_addr(&to.to_addr()?)?;
        }
        Ok(this)
    }

    /// Binds a socket to a name that the kernel chooses ("autobind").
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn autobind_unix() -> io::Result<Self> {
        Ok(Self::Unix(UnixDatagram::bind_addr(&UnixAddr::from_pathname("")?)?, None))
    }

    #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
    fn autobind_unix() -> io::Result<Self> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name =
            format!("portcullis-{}-{}.sock", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self::bind_unix_path(&std::env::temp_dir().join(name))
    }

    pub(crate) fn local_addr(&self) -> io::Result<DatagramAddr> {
        match self {
            Self::Udp(socket) => socket.local_addr().map(DatagramAddr::Ip),
            #[cfg(unix)]
            Self::Unix(socket, _) => socket.local_addr().map(|addr| DatagramAddr::of_unix(&addr)),
        }
    }

    /// Returns the longest datagram that this kind of socket carries, in bytes.
    pub(crate) fn max_datagram(&self) -> usize {
        match self {
            Self::Udp(_) => MAX_UDP_PAYLOAD,
            #[cfg(unix)]
            Self::Unix(..) => MAX_DATAGRAM,
        }
    }

    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.set_nonblocking(true),
            #[cfg(unix)]
            Self::Unix(socket, _) => socket.set_nonblocking(true),
        }
    }

    pub(crate) fn set_blocking(&self) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.set_nonblocking(false),
            #[cfg(unix)]
            Self::Unix(socket, _) => socket.set_nonblocking(false),
        }
    }

    pub(crate) fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.set_read_timeout(limit),
            #[cfg(unix)]
            Self::Unix(socket, _) => socket.set_read_timeout(limit),
        }
    }

    pub(crate) fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, DatagramAddr)> {
        match self {
            Self::Udp(socket) => {
                socket.recv_from(buffer).map(|(length, from)| (length, DatagramAddr::Ip(from)))
            }
            #[cfg(unix)]
            Self::Unix(socket, _) => {
                socket.recv_from(buffer).map(|(length, from)| (length, DatagramAddr::of_unix(&from)))
            }
        }
    }

    /// Sends to `to`, or to the connected peer. Sends once more if the error belongs to an earlier
    /// datagram.
    pub(crate) fn send(&self, datagram: &[u8], to: Option<&DatagramAddr>) -> io::Result<()> {
        match self.send_once(datagram, to) {
            Err(error) if matches!(self, Self::Udp(_)) && is_deferred_error(&error) => {
                self.send_once(datagram, to)
            }
            sent => sent,
        }
    }

    /// Sends to `to`, or to the connected peer. The error of an earlier UDP datagram is returned
    /// too; nothing is sent then.
    pub(crate) fn send_once(&self, datagram: &[u8], to: Option<&DatagramAddr>) -> io::Result<()> {
        match self {
            Self::Udp(socket) => send_udp(socket, datagram, to),
            #[cfg(unix)]
            Self::Unix(socket, _) => send_unix(socket, datagram, to),
        }
        .map(drop)
    }
}

fn send_udp(socket: &UdpSocket, datagram: &[u8], to: Option<&DatagramAddr>) -> io::Result<usize> {
    match to {
        None => socket.send(datagram),
        Some(to) => socket.send_to(datagram, to.ip().ok_or_else(wrong_address_family)?),
    }
}

#[cfg(unix)]
pub(super) fn send_unix(
    socket: &UnixDatagram,
    datagram: &[u8],
    to: Option<&DatagramAddr>,
) -> io::Result<usize> {
    match to {
        None => socket.send(datagram),
        Some(to) => socket.send_to_addr(datagram, &to.to_unix()?),
    }
}
