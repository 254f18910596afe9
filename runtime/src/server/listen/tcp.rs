//! [`TcpOptions`], and addresses to sockets.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;

use crate::sockets::{first_of, set_reuse_port};

/// How a TCP listener is opened, and what its connections are set to.
///
/// ```
/// # use portcullis_runtime as portcullis;
/// # use std::time::Duration;
/// let options = portcullis::TcpOptions::new().reuse_port(true).keepalive(Duration::from_secs(60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "options do nothing before a listener is bound with them"]
pub struct TcpOptions {
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

impl TcpOptions {
    /// The defaults: `SO_REUSEADDR`, a backlog of 1024, no delay.
    pub fn new() -> Self {
        Self::default()
    }

    /// `SO_REUSEADDR`: binds a port although connections of a server before us still linger there. On unless said
    /// otherwise; never on Windows, where it means to take a port from whoever has it.
    pub fn reuse_addr(mut self, on: bool) -> Self {
        self.reuse_addr = on;
        self
    }

    /// `SO_REUSEPORT`: several sockets, of several processes too, share a port. Only on Unix systems; elsewhere binding
    /// with it is an error (`Unsupported`).
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.reuse_port = on;
        self
    }

    /// `IPV6_V6ONLY`: whether an address of IPv6 takes no connections of IPv4. What the system says, unless said here.
    pub fn only_v6(mut self, on: bool) -> Self {
        self.only_v6 = Some(on);
        self
    }

    /// How many connections wait in the kernel; the system has a limit of its own. 1024 unless said otherwise.
    pub fn backlog(mut self, count: u32) -> Self {
        self.backlog = count;
        self
    }

    /// `TCP_NODELAY`: responses go out at once. On unless said otherwise; what is ready together is one write anyway.
    pub fn nodelay(mut self, on: bool) -> Self {
        self.nodelay = on;
        self
    }

    /// `SO_KEEPALIVE`: a connection that is silent for so long is probed, and broken if nobody answers. Off unless said
    /// otherwise, and with `Duration::MAX`.
    ///
    /// Systems count whole seconds, from 1 to 32,767 (about nine hours). Parts of a second are rounded up, and what is
    /// outside of that range is taken for its nearer end.
    pub fn keepalive(mut self, after: Duration) -> Self {
        self.keepalive = Some(after);
        self
    }

    /// Listens on the first of the addresses that can be bound.
    pub(in crate::server) fn listen(&self, addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
        first_of(addr, |addr| self.listen_on(addr))
    }

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

    /// Sets up a connection.
    ///
    /// # Errors
    /// The peer may be gone already. The connection can be served all the same.
    pub(in crate::server) fn set_up(&self, stream: &TcpStream) -> io::Result<()> {
        self.set(SockRef::from(stream))
    }

    fn set(&self, socket: SockRef<'_>) -> io::Result<()> {
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

    fn accepted(options: TcpOptions) -> TcpStream {
        let listener = options.listen("127.0.0.1:0").expect("a port");
        let _client =
            std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let (stream, _) = listener.accept().expect("a connection");
        stream.set_nonblocking(true).expect("a socket");
        let stream = TcpStream::from_std(stream).expect("a runtime");
        options.set_up(&stream).expect("a connection");
        stream
    }

    #[tokio::test]
    async fn connections_are_set_up_as_they_were_asked_to_be() {
        let stream = accepted(TcpOptions::new());
        assert!(stream.nodelay().expect("a socket"));
        assert!(!SockRef::from(&stream).keepalive().expect("a socket"));
        let after = Duration::from_secs(77);
        let stream = accepted(TcpOptions::new().nodelay(false).keepalive(after));
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
            assert!(
                SockRef::from(&accepted(TcpOptions::new().keepalive(after))).keepalive().expect("a socket")
            );
        }
        let never = accepted(TcpOptions::new().keepalive(Duration::MAX));
        assert!(!SockRef::from(&never).keepalive().expect("a socket"));
    }

    #[test]
    fn listeners_are_opened_as_they_were_asked_to_be() {
        let listener = TcpOptions::new().listen("127.0.0.1:0").expect("a port");
        if cfg!(unix) {
            assert!(SockRef::from(&listener).reuse_address().expect("a socket"));
        }
        let listener = TcpOptions::new().reuse_addr(false).listen("127.0.0.1:0").expect("a port");
        assert!(!SockRef::from(&listener).reuse_address().expect("a socket"));
        // Where there is no IPv6 there is nothing to be seen.
        for only in [true, false] {
            if let Ok(listener) = TcpOptions::new().only_v6(only).listen("[::]:0") {
                assert_eq!(SockRef::from(&listener).only_v6().expect("a socket"), only);
            }
        }
        // The first of several addresses that can be had.
        let addrs =
            ["192.0.2.1:0", "127.0.0.1:0"].map(|addr| addr.parse::<SocketAddr>().expect("an address"));
        let listener = TcpOptions::new().listen(&addrs[..]).expect("the second");
        assert!(listener.local_addr().expect("bound").ip().is_loopback());
        assert!(TcpOptions::new().listen(&addrs[..1]).is_err());
        assert!(TcpOptions::new().listen(&addrs[..0]).is_err());
    }
}
