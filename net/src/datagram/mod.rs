//! Datagram sockets, UDP and Unix, for servers and endpoints.
//!
//! - this file: [`DatagramSocket`], what a server or an endpoint takes as an address;
//! - [`udp`], [`unix`]: the two kinds of address, with options and codec;
//! - [`addr`]: [`DatagramAddr`], the source or destination of a datagram;
//! - [`socket`]: a socket of std, which is bound outside any runtime; [`async_socket`]: the same
//!   socket after it is registered with the current tokio runtime;
//! - [`packet_info`]: the address of this host that a datagram was sent to.

mod addr;
mod async_socket;
mod packet_info;
mod socket;
mod udp;
#[cfg(unix)]
mod unix;

use std::io;
use std::net::{ToSocketAddrs, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::UnixDatagram as StdUnixDatagram;

pub use self::addr::DatagramAddr;
pub(crate) use self::async_socket::AsyncSocket;
pub(crate) use self::packet_info::PacketInfoBuffer;
pub(crate) use self::socket::{FallbackAddrs, Socket};
pub use self::udp::Udp;
use self::udp::UdpOptions;
#[cfg(unix)]
pub use self::unix::UnixDatagram;
use crate::sockets::SocketAddrs;
#[cfg(unix)]
pub(crate) use crate::sockets::socket_file::SocketFile;
#[cfg(unix)]
use crate::sockets::unix::UnixName;

/// Without Unix sockets there are no files.
#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) enum SocketFile {}

/// Returns whether sending a UDP datagram failed because of an earlier one: the system reports an
/// ICMP error at the next operation, and that operation sends nothing.
fn is_deferred_error(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset)
}

/// The address of a datagram socket, or the socket itself: [`Udp`] or `UnixDatagram`. Endpoints
/// take it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the address of a datagram socket",
    note = "write `Udp::new(addr, codec)` or `UnixDatagram::new(path, codec)`"
)]
pub trait DatagramSocket {
    /// The codec of the datagrams.
    type Codec;

    /// Returns the address with its options, and the codec.
    #[doc(hidden)]
    fn into_parts(self) -> (Parts, Self::Codec);
}

/// The address of a datagram socket with its options, or the socket itself.
#[doc(hidden)]
#[derive(Debug)]
pub struct Parts(Repr);

#[derive(Debug)]
enum Repr {
    Udp(SocketAddrs, UdpOptions),
    Socket(Socket),
    #[cfg(unix)]
    Unix(UnixName),
}

impl Parts {
    pub(crate) fn bind(self) -> io::Result<Socket> {
        match self.0 {
            Repr::Udp(addr, options) => Socket::bind_udp(&addr, &options),
            Repr::Socket(socket) => Ok(socket),
            #[cfg(unix)]
            Repr::Unix(name) => Socket::bind_unix(&name),
        }
    }

    /// Makes a socket that is connected to the address. Resolving a name does not block the loop.
    pub(crate) async fn connect(self) -> io::Result<(Socket, FallbackAddrs)> {
        match self.0 {
            Repr::Udp(addr, options) => Socket::connect_udp(addr.lookup().await?, options),
            other => Self(other).connect_blocking(),
        }
    }

    /// Like [`connect`](Self::connect), but blocks the thread.
    pub(crate) fn connect_blocking(self) -> io::Result<(Socket, FallbackAddrs)> {
        match self.0 {
            Repr::Udp(addr, options) => Socket::connect_udp(addr.to_socket_addrs()?.collect(), options),
            Repr::Socket(_) => {
                let text = "a socket of std is bound already: connect it yourself, and give it to `bind`";
                Err(io::Error::new(io::ErrorKind::InvalidInput, text))
            }
            #[cfg(unix)]
            Repr::Unix(name) => Ok((Socket::connect_unix(&name)?, FallbackAddrs::default())),
        }
    }
}

impl<D> DatagramSocket for Udp<D> {
    type Codec = D;

    fn into_parts(self) -> (Parts, D) {
        (Parts(Repr::Udp(self.addr, self.options)), self.codec)
    }
}

impl<D> DatagramSocket for Udp<D, UdpSocket> {
    type Codec = D;

    fn into_parts(self) -> (Parts, D) {
        (Parts(Repr::Socket(Socket::from_udp(self.addr))), self.codec)
    }
}

#[cfg(unix)]
impl<D> DatagramSocket for UnixDatagram<D> {
    type Codec = D;

    fn into_parts(self) -> (Parts, D) {
        (Parts(Repr::Unix(self.addr)), self.codec)
    }
}

#[cfg(unix)]
impl<D> DatagramSocket for UnixDatagram<D, StdUnixDatagram> {
    type Codec = D;

    fn into_parts(self) -> (Parts, D) {
        (Parts(Repr::Socket(Socket::Unix(self.addr, None))), self.codec)
    }
}
