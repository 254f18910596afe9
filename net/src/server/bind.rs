//! Where a server listens: [`Server::listen`], [`Server::bind`], and the addresses that were bound.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::unix::net::SocketAddr as UnixAddr;

use super::listen::{Erased, Listen, Listener, Serves};
use super::{Bound, Server, Unbound};
use crate::datagram::DatagramAddr;
use crate::service::Service;
use crate::sockets::SocketAddrs;
use crate::sockets::tcp::Tcp;

/// The addresses of a server's listeners, with their real ports; kept after the listeners are
/// closed.
#[derive(Clone, Debug, Default)]
pub struct Addrs {
    ip: Vec<SocketAddr>,
    #[cfg(unix)]
    unix: Vec<UnixAddr>,
}

impl Addrs {
    /// Those of a listener of streams.
    pub(super) fn of(listener: &impl Listener) -> Self {
        Self {
            ip: listener.local_addr().into_iter().collect(),
            #[cfg(unix)]
            unix: listener.unix_addr().into_iter().collect(),
        }
    }

    /// Those of a datagram socket.
    pub(super) fn of_datagrams(addr: &DatagramAddr) -> Self {
        Self {
            ip: addr.ip().into_iter().collect(),
            #[cfg(unix)]
            unix: addr.to_unix().into_iter().collect(),
        }
    }

    fn extend(&mut self, others: Self) {
        self.ip.extend(others.ip);
        #[cfg(unix)]
        self.unix.extend(others.unix);
    }

    /// # Panics
    /// If there is none.
    pub(super) fn first(&self) -> SocketAddr {
        match self.ip.first() {
            Some(addr) => *addr,
            None => panic!(
                "this server has no IP address: `local_addrs()` and `unix_addrs()` return all addresses"
            ),
        }
    }

    pub(super) fn ip(&self) -> &[SocketAddr] {
        &self.ip
    }

    #[cfg(unix)]
    pub(super) fn unix(&self) -> &[UnixAddr] {
        &self.unix
    }
}

impl From<Unbound> for Bound {
    fn from(_: Unbound) -> Self {
        Self { addrs: Addrs::default() }
    }
}

/// A server may listen on several addresses, of several kinds: each call adds one. Connections wait
/// in the kernel until the server is served.
impl<S, C, B: Into<Bound>> Server<S, C, B> {
    /// Listens on a TCP address; port 0 is any free port. The short form of
    /// `listen(Tcp::new(addr))`.
    ///
    /// `How` is inferred. Of a name that stands for several addresses, such as `localhost`, it is
    /// the first that can be bound, and no other.
    ///
    /// # Errors
    /// The address can't be resolved, or can't be bound.
    pub fn bind<How>(self, addr: impl Into<SocketAddrs>) -> io::Result<Server<S, C, Bound>>
    where
        S: Service,
        <Tcp as Listen>::Bound: Serves<S, C, How>,
    {
        self.listen(Tcp::new(addr))
    }

    /// Listens on a socket, with its options; for streams, after [`codec`](Self::codec). `How` is
    /// inferred.
    ///
    /// | listener | for |
    /// |---|---|
    /// | [`Tcp::new(addr)`](crate::Tcp) | TCP |
    /// | [`Unix::new(path)`](crate::Unix), `Unix::abstract_name(name)` | Unix sockets; `.pass_fds(count)` with descriptors |
    /// | `.tls(config)` of either | TLS over it |
    /// | [`Udp::new(addr, codec)`](crate::Udp), [`UnixDatagram::new(path, codec)`](crate::UnixDatagram) | datagrams, each with a codec of its own |
    /// | `Tcp::from(listener)`, `Unix::from(listener)`, `Udp::from_std(socket, codec)` | sockets of std, such as those of `listen_fds` |
    /// | [`Stdio::new()`](crate::Stdio) | standard input and output |
    /// | a [`Listener`](crate::Listener) | a transport of your own |
    ///
    /// ```
    /// # fn serve<S: portcullis::Service<Request = String, Response = String>>(service: S) -> std::io::Result<()> {
    /// use portcullis::{Datagrams, Lines, Server, Tcp, Udp, codec::Utf8};
    ///
    /// let server = Server::new(service)
    ///     .codec(Lines::new())
    ///     .listen(Tcp::new("127.0.0.1:0").backlog(64))?
    ///     .listen(Udp::new("127.0.0.1:0", Datagrams::<Utf8>::new()))?;
    /// # drop(server); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The address cannot be resolved or bound; the system refuses an option.
    pub fn listen<L, How>(self, listener: L) -> io::Result<Server<S, C, Bound>>
    where
        S: Service,
        L: Listen,
        L::Bound: Serves<S, C, How>,
    {
        let listener = listener.bind()?.erase(&self.codec);
        Ok(self.listen_erased(listener))
    }

    /// Listens on what is bound already, with a codec of its own.
    #[doc(hidden)]
    pub fn listen_erased(self, Erased(listener): Erased<S>) -> Server<S, C, Bound> {
        let Self { service, codec, bound, mut listeners, counters, options, control } = self;
        let mut bound: Bound = bound.into();
        bound.addrs.extend(listener.addrs());
        listeners.push(listener);
        Server { service, codec, bound, listeners, counters, options, control }
    }
}

impl<S, C> Server<S, C, Bound> {
    /// The first IP address that was bound, with its real port.
    ///
    /// # Panics
    /// If there is none, for example because the server listens on Unix sockets only.
    pub fn local_addr(&self) -> SocketAddr {
        self.bound.addrs.first()
    }

    /// The IP addresses that were bound, with their real ports.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.bound.addrs.ip().to_vec()
    }

    /// The addresses of the Unix sockets that were bound.
    #[cfg(unix)]
    pub fn unix_addrs(&self) -> Vec<UnixAddr> {
        self.bound.addrs.unix().to_vec()
    }
}
