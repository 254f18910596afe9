//! [`UnixDatagram`]: the address of a Unix datagram socket with the codec of its datagrams.

use std::os::unix::net;
use std::path::Path;

use crate::sockets::unix::{Name, UnixName};

/// The path or abstract name of a Unix datagram socket, and the codec of its datagrams, one message
/// each. [`Server::listen`](crate::Server::listen) and [`Endpoint::bind`](crate::Endpoint::bind)
/// receive there, as [`Udp`](crate::Udp) does on a UDP port.
///
/// A stale file at the path, which an earlier server has left, is replaced. The socket's own file
/// is removed when the server stops, if it is still the same. A datagram from a socket without a
/// name cannot be answered: it is dropped and counted.
///
/// All peers share the send buffer of this socket. A peer that is connected to it and does not read
/// can therefore block the answers to other peers: for untrusted peers, serve a stream.
///
/// `UnixDatagram::from_std(socket, codec)` takes a socket of std that is already bound. Its file,
/// if it has one, is not removed.
///
/// ```
/// use portcullis::{Datagrams, UnixDatagram, codec::Utf8};
///
/// let local = UnixDatagram::new("/run/desk.sock", Datagrams::<Utf8>::new());
/// ```
#[derive(Clone, Debug)]
#[must_use = "an address does nothing before a server listens there"]
pub struct UnixDatagram<D, A = UnixName> {
    pub(crate) addr: A,
    pub(crate) codec: D,
}

impl<D> UnixDatagram<D> {
    /// The socket at `path`.
    pub fn new(path: impl AsRef<Path>, codec: D) -> Self {
        Self { addr: UnixName(Name::Path(path.as_ref().to_owned())), codec }
    }

    /// The socket with an abstract name, which has no file (Linux only).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn abstract_name(name: impl AsRef<[u8]>, codec: D) -> Self {
        Self { addr: UnixName(Name::Abstract(name.as_ref().to_owned())), codec }
    }
}

impl<D> UnixDatagram<D, net::UnixDatagram> {
    /// Takes a socket that is already bound, with the codec of its datagrams.
    pub fn from_std(socket: net::UnixDatagram, codec: D) -> Self {
        Self { addr: socket, codec }
    }
}
