//! [`Tcp`]: a TCP address with the options of its sockets, and addresses to sockets.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;

use super::addrs::SocketAddrs;
use super::{first_of, set_reuse_port};

/// TCP: an address with the options of its sockets. [`Server::listen`](crate::Server::listen)
/// listens there, and [`Client::connect`](crate::Client::connect) connects to it.
///
/// ```
/// # use std::time::Duration;
/// use portcullis::Tcp;
///
/// let tcp = Tcp::new("127.0.0.1:0").reuse_port(true).keepalive(Duration::from_secs(60));
/// ```
///
/// Port 0 is any free port. If a name stands for several addresses, such as `localhost`, a server
/// listens on the first of them that can be bound, and on no other: clients that try another one
/// first are refused there. Call `listen` for each address to listen on several; with port 0 each
/// has a port of its own.
///
/// A listener tries each option at the socket that listens. If one of them cannot be set for a
/// connection later, the server logs a warning and serves the connection without it.
///
/// `Tcp::from(listener)` takes a `TcpListener` of std that listens already.
#[derive(Clone, Debug)]
#[must_use = "an address does nothing before a server listens there or a client connects to it"]
pub struct Tcp<A = SocketAddrs> {
    pub(crate) addr: A,
    pub(crate) options: TcpOptions,
}

impl Tcp {
    /// The address with the default options: `SO_REUSEADDR`, a backlog of 1024, no delay.
    pub fn new(addr: impl Into<SocketAddrs>) -> Self {
        Self { addr: addr.into(), options: TcpOptions::default() }
    }
}

impl From<TcpListener> for Tcp<TcpListener> {
    fn from(listener: TcpListener) -> Self {
        Self { addr: listener, options: TcpOptions::default() }
    }
}

impl<A> Tcp<A> {
    /// `SO_REUSEADDR` of a listener: binds a port although connections of an earlier server still
    /// linger there. On by default; never on Windows, where it means to take a port from its owner.
    pub fn reuse_addr(mut self, on: bool) -> Self {
        self.options.reuse_addr = on;
        self
    }

    /// `SO_REUSEPORT` of a listener: several sockets, of several processes too, share a port. Only
    /// on Unix systems; elsewhere listening with it is an error (`Unsupported`). Off by default.
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.options.reuse_port = on;
        self
    }

    /// `IPV6_V6ONLY` of a listener: whether an IPv6 address takes no connections of IPv4. The
    /// default is the system's.
    pub fn only_v6(mut self, on: bool) -> Self {
        self.options.only_v6 = Some(on);
        self
    }

    /// How many connections wait in the kernel to be accepted; the system has a limit of its own.
    /// 1024 by default.
    pub fn backlog(mut self, count: u32) -> Self {
        self.options.backlog = count;
        self
    }

    /// `TCP_NODELAY`: messages go out at once. On by default; messages that are ready together are
    /// one write anyway.
    pub fn nodelay(mut self, on: bool) -> Self {
        self.options.nodelay = on;
        self
    }

    /// `SO_KEEPALIVE`: the system probes a connection that has been silent for this long, and
    /// breaks it if nobody answers. Off by default, and with `Duration::MAX`.
    ///
    /// Systems count whole seconds, from 1 to 32,767 (about nine hours). Parts of a second are
    /// rounded up, and values outside of that range are replaced by the nearer end.
    pub fn keepalive(mut self, after: Duration) -> Self {
        self.options.keepalive = Some(after);
        self
    }

    /// The same over TLS. `config` is a [`Tls`](crate::Tls) for a server, or a
    /// [`ClientTls`](crate::ClientTls) for a client. Set the other options first.
    #[cfg(feature = "tls")]
    pub fn tls<T>(self, config: T) -> super::wrappers::OverTls<Self, T> {
        super::wrappers::OverTls::new(self, config)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpOptions {
    reuse_addr: bool,
    reuse_port: bool,
    only_v6: Option<bool>,
    backlog: u32,
    nodelay: bool,
    keepalive: Option<Duration>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            reuse_addr: true,
            reuse_port: false,
            only_v6: None,
            backlog: 1024,
            nodelay: true,
            keepalive: None,
        }
    }
}

impl Tcp {
    /// Listens on the first of the addresses that can be bound.
    pub(crate) fn listener(&self) -> io::Result<TcpListener> {
        first_of(&self.addr, |addr| self.options.listen_on(addr))
    }
}

impl TcpOptions {
    fn listen_on(&self, addr: SocketAddr) -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        #[cfg(unix)]
        socket.set_reuse_address(self.reuse_addr)?;
        set_reuse_port(&socket, self.reuse_port)?;
        if let Some(only) = self.only_v6.filter(|_| addr.is_ipv6()) {
            socket.set_only_v6(only)?;
        }
        // What the system refuses to set for a connection, it refuses here.
        self.set(SockRef::from(&socket))?;
        socket.bind(&addr.into())?;
        socket.listen(self.backlog.try_into().unwrap_or(i32::MAX))?;
        Ok(socket.into())
    }

    /// Sets the options of a connection.
    ///
    /// # Errors
    /// The peer may be gone already. The connection can be served all the same.
    pub(crate) fn set_up(&self, stream: &TcpStream) -> io::Result<()> {
        self.set(SockRef::from(stream))
    }

    pub(crate) fn set(&self, socket: SockRef<'_>) -> io::Result<()> {
        if self.nodelay {
            socket.set_tcp_nodelay(true)?;
        }
        match self.keepalive.filter(|after| *after != Duration::MAX) {
            Some(after) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(whole_seconds(after))),
            None => Ok(()),
        }
    }
}

/// The nearest time of keepalive that systems have.
fn whole_seconds(after: Duration) -> Duration {
    let rounded_up = after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0));
    Duration::from_secs(rounded_up.clamp(1, 32_767))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Tcp {
        Tcp::new("127.0.0.1:0")
    }

    fn accepted(tcp: Tcp) -> TcpStream {
        let listener = tcp.listener().expect("a port");
        let _client =
            std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let (stream, _) = listener.accept().expect("a connection");
        stream.set_nonblocking(true).expect("a socket");
        let stream = TcpStream::from_std(stream).expect("a runtime");
        tcp.options.set_up(&stream).expect("a connection");
        stream
    }

    #[tokio::test]
    async fn connections_are_set_up_as_they_were_asked_to_be() {
        let stream = accepted(local());
        assert!(stream.nodelay().expect("a socket"));
        assert!(!SockRef::from(&stream).keepalive().expect("a socket"));
        let after = Duration::from_secs(77);
        let stream = accepted(local().nodelay(false).keepalive(after));
        assert!(!stream.nodelay().expect("a socket"));
        assert!(SockRef::from(&stream).keepalive().expect("a socket"));
        #[cfg(target_os = "linux")]
        assert_eq!(SockRef::from(&stream).tcp_keepalive_time().expect("a socket"), after);
    }

    #[tokio::test]
    async fn a_keepalive_that_systems_do_not_have_is_the_nearest_that_they_have() {
        let seconds = |after| whole_seconds(after).as_secs();
        assert_eq!([0, 1, 500, 1000, 1001].map(|ms| seconds(Duration::from_millis(ms))), [1, 1, 1, 1, 2]);
        assert_eq!([32_767, 32_768, u64::MAX].map(|secs| seconds(Duration::from_secs(secs))), [32_767; 3]);
        for after in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(40_000)] {
            assert!(SockRef::from(&accepted(local().keepalive(after))).keepalive().expect("a socket"));
        }
        let never = accepted(local().keepalive(Duration::MAX));
        assert!(!SockRef::from(&never).keepalive().expect("a socket"));
    }

    #[test]
    fn listeners_are_opened_as_they_were_asked_to_be() {
        let listener = local().listener().expect("a port");
        if cfg!(unix) {
            assert!(SockRef::from(&listener).reuse_address().expect("a socket"));
        }
        let listener = local().reuse_addr(false).listener().expect("a port");
        assert!(!SockRef::from(&listener).reuse_address().expect("a socket"));
        // Where there is no IPv6 there is nothing to be seen.
        for only in [true, false] {
            if let Ok(listener) = Tcp::new("[::]:0").only_v6(only).listener() {
                assert_eq!(SockRef::from(&listener).only_v6().expect("a socket"), only);
            }
        }
        // The first of several addresses that can be had.
        let addrs =
            ["192.0.2.1:0", "127.0.0.1:0"].map(|addr| addr.parse::<SocketAddr>().expect("an address"));
        let listener = Tcp::new(&addrs[..]).listener().expect("the second");
        assert!(listener.local_addr().expect("bound").ip().is_loopback());
        assert!(Tcp::new(&addrs[..1]).listener().is_err());
        assert!(Tcp::new(&addrs[..0]).listener().is_err());
    }
}
