//! [`Tcp`]: a TCP address with the options of its sockets.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Protocol, SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::addrs::SocketAddrs;
use super::{IpOptions, try_each_addr};

/// A TCP address with the options of its sockets. [`Server::listen`](crate::Server::listen) listens
/// there, and [`Client::connect`](crate::Client::connect) connects to it.
///
/// ```
/// # use std::time::Duration;
/// use portcullis::Tcp;
///
/// let tcp = Tcp::new("127.0.0.1:0").reuse_port(true).keepalive(Duration::from_secs(60));
/// ```
///
/// Port 0 means any free port. If a name has several addresses, such as `localhost`, a server
/// listens on the first that can be bound, and on no other: clients that try another address first
/// are refused there. Call `listen` for each address to listen on several; with port 0 each has its
/// own port.
///
/// A listener sets each option on the listening socket, so an option that the system rejects is an
/// error of `listen`. If an option cannot be set for a connection later, the server logs a warning
/// and serves the connection without it.
///
/// `Tcp::from(listener)` takes a `TcpListener` of std that already listens.
#[derive(Clone, Debug)]
#[must_use = "an address does nothing before a server listens there or a client connects to it"]
pub struct Tcp<A = SocketAddrs> {
    pub(crate) addr: A,
    pub(crate) options: TcpOptions,
}

impl Tcp {
    /// Makes an address with the default options: `SO_REUSEADDR`, a backlog of 1024, `TCP_NODELAY`.
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
    /// Sets `SO_REUSEADDR` of a listener: it can bind a port while connections of an earlier server
    /// are in `TIME_WAIT`. On by default. Ignored on Windows, where the option takes a port from
    /// its owner.
    pub fn reuse_addr(mut self, on: bool) -> Self {
        self.options.ip.reuse_addr = on;
        self
    }

    /// Sets `SO_REUSEPORT` of a listener: several sockets, also of several processes, share a port.
    /// Only on Unix; elsewhere, listening with it is an error (`Unsupported`). Off by default.
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.options.ip.reuse_port = on;
        self
    }

    /// Sets `IPV6_V6ONLY` of a listener: whether an IPv6 address rejects connections over IPv4. The
    /// default is that of the system.
    pub fn only_v6(mut self, on: bool) -> Self {
        self.options.ip.only_v6 = Some(on);
        self
    }

    /// Sets how many connections may wait in the kernel to be accepted; the system has its own
    /// limit. 1024 by default.
    pub fn backlog(mut self, count: u32) -> Self {
        self.options.backlog = count;
        self
    }

    /// Sets `TCP_NODELAY`: messages are sent without delay. On by default; messages that are ready
    /// together are written together anyway.
    pub fn nodelay(mut self, on: bool) -> Self {
        self.options.nodelay = on;
        self
    }

    /// Sets `SO_KEEPALIVE`: the system probes a connection that has been silent for this long, and
    /// resets it if the peer does not answer. Off by default, and with `Duration::MAX`.
    ///
    /// Systems count whole seconds, from 1 to 32,767 (about nine hours). Fractions of a second are
    /// rounded up, and values outside that range are clamped.
    pub fn keepalive(mut self, after: Duration) -> Self {
        self.options.keepalive = Some(after);
        self
    }

    /// Wraps the address in TLS. `config` is a [`Tls`](crate::Tls) for a server, or a
    /// [`ClientTls`](crate::ClientTls) for a client. Set the other options first.
    #[cfg(feature = "tls")]
    pub fn tls<T>(self, config: T) -> super::wrappers::OverTls<Self, T> {
        super::wrappers::OverTls::new(self, config)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpOptions {
    ip: IpOptions,
    backlog: u32,
    nodelay: bool,
    keepalive: Option<Duration>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            ip: IpOptions { reuse_addr: true, ..IpOptions::default() },
            backlog: 1024,
            nodelay: true,
            keepalive: None,
        }
    }
}

impl Tcp {
    /// Listens on the first of the addresses that can be bound.
    pub(crate) fn open(&self) -> io::Result<TcpListener> {
        try_each_addr(&self.addr, |addr| self.options.listen_on(addr))
    }
}

impl TcpOptions {
    fn listen_on(&self, addr: SocketAddr) -> io::Result<TcpListener> {
        let socket = self.ip.new_socket(addr, Protocol::TCP)?;
        // Set the options of connections here too, so that an option that the system rejects is an
        // error now.
        self.apply(SockRef::from(&socket))?;
        socket.bind(&addr.into())?;
        socket.listen(self.backlog.try_into().unwrap_or(i32::MAX))?;
        Ok(socket.into())
    }

    /// Sets the options of a connection.
    ///
    /// # Errors
    /// The peer may have disconnected already. The connection can still be served.
    pub(crate) fn apply_to_stream(&self, stream: &TcpStream) -> io::Result<()> {
        self.apply(SockRef::from(stream))
    }

    pub(crate) fn apply(&self, socket: SockRef<'_>) -> io::Result<()> {
        if self.nodelay {
            socket.set_tcp_nodelay(true)?;
        }
        match self.keepalive.filter(|after| *after != Duration::MAX) {
            Some(after) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(round_keepalive(after))),
            None => Ok(()),
        }
    }
}

/// Returns the nearest keepalive time that systems support.
fn round_keepalive(after: Duration) -> Duration {
    let rounded_up = after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0));
    Duration::from_secs(rounded_up.clamp(1, 32_767))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Tcp {
        Tcp::new("127.0.0.1:0")
    }

    fn accept(tcp: Tcp) -> TcpStream {
        let listener = tcp.open().expect("a port");
        let _client =
            std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let (stream, _) = listener.accept().expect("a connection");
        stream.set_nonblocking(true).expect("a socket");
        let stream = TcpStream::from_std(stream).expect("a runtime");
        tcp.options.apply_to_stream(&stream).expect("a connection");
        stream
    }

    #[tokio::test]
    async fn connections_have_the_options() {
        let stream = accept(local());
        assert!(stream.nodelay().expect("a socket"));
        assert!(!SockRef::from(&stream).keepalive().expect("a socket"));
        let after = Duration::from_secs(77);
        let stream = accept(local().nodelay(false).keepalive(after));
        assert!(!stream.nodelay().expect("a socket"));
        assert!(SockRef::from(&stream).keepalive().expect("a socket"));
        #[cfg(target_os = "linux")]
        assert_eq!(SockRef::from(&stream).tcp_keepalive_time().expect("a socket"), after);
    }

    #[tokio::test]
    async fn keepalive_is_rounded_to_what_systems_support() {
        let seconds = |after| round_keepalive(after).as_secs();
        assert_eq!([0, 1, 500, 1000, 1001].map(|ms| seconds(Duration::from_millis(ms))), [1, 1, 1, 1, 2]);
        assert_eq!([32_767, 32_768, u64::MAX].map(|secs| seconds(Duration::from_secs(secs))), [32_767; 3]);
        for after in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(40_000)] {
            assert!(SockRef::from(&accept(local().keepalive(after))).keepalive().expect("a socket"));
        }
        let never = accept(local().keepalive(Duration::MAX));
        assert!(!SockRef::from(&never).keepalive().expect("a socket"));
    }

    #[test]
    fn listeners_have_the_options() {
        let listener = local().open().expect("a port");
        if cfg!(unix) {
            assert!(SockRef::from(&listener).reuse_address().expect("a socket"));
        }
        let listener = local().reuse_addr(false).open().expect("a port");
        assert!(!SockRef::from(&listener).reuse_address().expect("a socket"));
        // Skipped where the host has no IPv6.
        for only in [true, false] {
            if let Ok(listener) = Tcp::new("[::]:0").only_v6(only).open() {
                assert_eq!(SockRef::from(&listener).only_v6().expect("a socket"), only);
            }
        }
        // Of several addresses, the first that can be bound.
        let addrs =
            ["192.0.2.1:0", "127.0.0.1:0"].map(|addr| addr.parse::<SocketAddr>().expect("an address"));
        let listener = Tcp::new(&addrs[..]).open().expect("the second");
        assert!(listener.local_addr().expect("bound").ip().is_loopback());
        assert!(Tcp::new(&addrs[..1]).open().is_err());
        assert!(Tcp::new(&addrs[..0]).open().is_err());
    }
}
