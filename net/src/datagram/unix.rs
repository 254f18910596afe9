//! [`UnixDatagram`]: the address of a Unix datagram socket with the codec of its datagrams.

use std::os::unix::net;
use std::path::Path;

use crate::sockets::unix::{Name, UnixName};

/// A Unix datagram socket: its path or abstract name, and the codec of its datagrams, one message
/// each. [`Server::listen`](crate::Server::listen) receives there, as [`Udp`](crate::Udp) does on a
/// UDP port, and so does [`Endpoint::bind`](crate::Endpoint::bind).
///
/// A file that a server which is gone has left at the path is replaced; our own is removed when the
/// server stops, if it still is the same. A datagram from a socket without a name can't be
/// answered: it is dropped, and counted.
///
/// All peers share the send buffer of this socket, so peers that are connected to it and don't read
/// hold up the answers to others: for peers that need not be trusted, serve a stream.
///
/// `UnixDatagram::from_std(socket, codec)` takes a socket of std that is bound already. Its file,
/// if it has one, is left to whoever made the socket.
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
    /// A socket that is bound already, with the codec of its datagrams.
    pub fn from_std(socket: net::UnixDatagram, codec: D) -> Self {
        Self { addr: socket, codec }
    }
}
