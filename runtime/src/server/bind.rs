//! Where a server listens.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::SocketAddr as UnixAddr;
#[cfg(unix)]
use std::path::Path;

#[cfg(unix)]
use super::UnixOptions;
use super::listen::Kind;
use super::{Bound, Listener, Server, TcpOptions, Unbound};
use crate::datagram::DatagramAddr;
#[cfg(feature = "tls")]
use crate::transport::tls::Tls;

/// The addresses of a server's listeners, with their real ports; kept when the listeners are gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Addrs {
    ip: Vec<SocketAddr>,
    #[cfg(unix)]
    unix: Vec<UnixAddr>,
}

impl Addrs {
    /// # Panics
    /// If there is none.
    pub(super) fn first(&self) -> SocketAddr {
        match self.ip.first() {
            Some(addr) => *addr,
            None => panic!("this server has no IP address: it listens on Unix sockets only"),
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
        Self { listeners: Vec::new(), addrs: Addrs::default() }
    }
}

impl Bound {
    fn add(&mut self, listener: Listener) -> io::Result<()> {
        listener.set_nonblocking()?;
        self.addrs.ip.extend(listener.local_addr());
        #[cfg(unix)]
        self.addrs.unix.extend(listener.unix_addr());
        self.listeners.push(listener);
        Ok(())
    }

    /// A socket that receives datagrams has an address, too.
    pub(super) fn add_addr(&mut self, addr: &DatagramAddr) {
        self.addrs.ip.extend(addr.ip());
        #[cfg(unix)]
        self.addrs.unix.extend(addr.to_unix().ok());
    }

    /// For the log.
    pub(super) fn named(&self) -> Addrs {
        self.addrs.clone()
    }
}

/// A server may listen on several addresses, of several kinds: each call adds one. Connections wait in the kernel
/// until the server is served.
impl<S, C, B: Into<Bound>> Server<S, C, B> {
    /// Listens on a TCP address; port 0 is any free port.
    ///
    /// Of a name that stands for several addresses, such as `localhost`, it is the first that can be bound, and no other.
    /// Clients that try another one first are refused there. Call it for each address to listen on several; with port 0
    /// each has a port of its own ([`local_addrs`](Self::local_addrs)).
    ///
    /// # Errors
    /// The address can't be resolved, or can't be bound.
    pub fn bind(self, addr: impl ToSocketAddrs) -> io::Result<Server<S, C, Bound>> {
        self.bind_with(addr, TcpOptions::new())
    }

    /// As [`bind`](Self::bind), with options of the socket.
    ///
    /// Each option is tried at the socket that listens. If one of them can't be set for a connection later, that is
    /// logged, and the connection is served without it.
    ///
    /// # Errors
    /// As [`bind`](Self::bind); the system refuses an option.
    pub fn bind_with(self, addr: impl ToSocketAddrs, options: TcpOptions) -> io::Result<Server<S, C, Bound>> {
        let socket = options.listen(addr)?;
        self.listen(Listener::of(Kind::Tcp { socket, options }))
    }

    /// Listens on a TCP address for clients that speak TLS.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    #[cfg(feature = "tls")]
    pub fn bind_tls(self, addr: impl ToSocketAddrs, tls: Tls) -> io::Result<Server<S, C, Bound>> {
        self.bind_tls_with(addr, tls, TcpOptions::new())
    }

    /// As [`bind_tls`](Self::bind_tls), with options of the socket.
    ///
    /// # Errors
    /// As [`bind_with`](Self::bind_with).
    #[cfg(feature = "tls")]
    pub fn bind_tls_with(
        self,
        addr: impl ToSocketAddrs,
        tls: Tls,
        options: TcpOptions,
    ) -> io::Result<Server<S, C, Bound>> {
        let socket = options.listen(addr)?;
        self.listen(Listener::of(Kind::Tls { socket, options, tls }))
    }

    /// Listens on a Unix socket. A file that a server which is gone has left there is replaced; ours is removed when the
    /// server stops, if it still is ours. Of several servers that replace one file at once, one does; they hold a
    /// lock (`flock`) of the folder for that moment.
    ///
    /// A relative path is made absolute, and so it is what [`unix_addrs`](Self::unix_addrs) tells. If that is longer than a
    /// socket's address may be (107 bytes on Linux), the path is used as it was given: a short path can be bound in a deep
    /// folder.
    ///
    /// # Errors
    /// Somebody listens there (`AddrInUse`); there is a file that is not a socket (`AddrInUse`); the file can't be made;
    /// the path is too long both ways (`InvalidInput`).
    #[cfg(unix)]
    pub fn bind_unix(self, path: impl AsRef<Path>) -> io::Result<Server<S, C, Bound>> {
        self.bind_unix_with(path, UnixOptions::new())
    }

    /// As [`bind_unix`](Self::bind_unix), with options of the socket.
    ///
    /// # Errors
    /// As [`bind_unix`](Self::bind_unix).
    #[cfg(unix)]
    pub fn bind_unix_with(
        self,
        path: impl AsRef<Path>,
        options: UnixOptions,
    ) -> io::Result<Server<S, C, Bound>> {
        let (socket, file) = options.listen(path.as_ref())?;
        self.listen(Listener::unix(socket, Some(file), options))
    }

    /// Listens on a Unix socket, as [`bind_unix`](Self::bind_unix), for clients that speak TLS: whom a certificate vouches for
    /// and not the kernel. [`Peer::credentials`](crate::Peer::credentials) tells of both.
    ///
    /// # Errors
    /// As [`bind_unix`](Self::bind_unix).
    #[cfg(all(unix, feature = "tls"))]
    pub fn bind_unix_tls(self, path: impl AsRef<Path>, tls: Tls) -> io::Result<Server<S, C, Bound>> {
        self.bind_unix_tls_with(path, tls, UnixOptions::new())
    }

    /// As [`bind_unix_tls`](Self::bind_unix_tls), with options of the socket.
    ///
    /// # Errors
    /// As [`bind_unix`](Self::bind_unix); `Unsupported` with options that pass descriptors, which do not go through TLS.
    #[cfg(all(unix, feature = "tls"))]
    pub fn bind_unix_tls_with(
        self,
        path: impl AsRef<Path>,
        tls: Tls,
        options: UnixOptions,
    ) -> io::Result<Server<S, C, Bound>> {
        let (socket, file) = options.listen(path.as_ref())?;
        self.listen(Listener::unix(socket, Some(file), options).tls(tls)?)
    }

    /// Listens on a Unix socket that has a name of the kernel's and no file (Linux only). Whoever is in the same network
    /// namespace may connect: look at [`Peer::credentials`](crate::Peer::credentials).
    ///
    /// # Errors
    /// Somebody has the name; it is too long.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn bind_unix_abstract(self, name: impl AsRef<[u8]>) -> io::Result<Server<S, C, Bound>> {
        self.bind_unix_abstract_with(name, UnixOptions::new())
    }

    /// As [`bind_unix_abstract`](Self::bind_unix_abstract), with options of the socket.
    ///
    /// # Errors
    /// As [`bind_unix_abstract`](Self::bind_unix_abstract); the options have a mode, and there is no file that could have
    /// it (`InvalidInput`).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn bind_unix_abstract_with(
        self,
        name: impl AsRef<[u8]>,
        options: UnixOptions,
    ) -> io::Result<Server<S, C, Bound>> {
        let socket = options.listen_abstract(name.as_ref())?;
        self.listen(Listener::unix(socket, None, options))
    }

    /// Listens on a socket that you have made: a `TcpListener` or a `UnixListener` of std, one from systemd.
    ///
    /// # Errors
    /// The socket can't be set to not block; it receives datagrams (`InvalidInput`), and belongs into
    /// [`receive`](Server::receive).
    pub fn listen(self, listener: impl Into<Listener>) -> io::Result<Server<S, C, Bound>> {
        let listener = listener.into();
        if listener.is_datagram() {
            let text =
                "this socket receives datagrams: give it to `Server::receive`, with a codec of datagrams";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let Self { service, codec, bound, datagrams, options, control } = self;
        let mut bound: Bound = bound.into();
        bound.add(listener)?;
        Ok(Server { service, codec, bound, datagrams, options, control })
    }
}

impl<S, C> Server<S, C, Bound> {
    /// The first IP address that was bound, with its real port.
    ///
    /// # Panics
    /// If there is none: the server listens on Unix sockets only.
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
