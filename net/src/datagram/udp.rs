//! [`Udp`]: a UDP address with the options of its socket and the codec of its datagrams, and addresses to sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use tracing::warn;

use super::local;
use crate::sockets::{SocketAddrs, first_of, set_buffers, set_reuse_port};

/// UDP: an address with the options of its socket, and the codec of its datagrams, one message
/// each. [`Server::listen`](crate::Server::listen) receives there, and so does
/// [`Endpoint::bind`](crate::Endpoint::bind).
///
/// ```
/// # use std::net::Ipv4Addr;
/// use portcullis::{Datagrams, Udp, codec::Utf8};
///
/// // One of several sockets on this host that receive what is sent to a group.
/// let hears = Udp::new("0.0.0.0:7000", Datagrams::<Utf8>::new())
///     .reuse_addr(true)
///     .join_multicast_v4(Ipv4Addr::new(239, 7, 7, 7), Ipv4Addr::UNSPECIFIED);
/// let asks_all = Udp::new("127.0.0.1:0", Datagrams::<Utf8>::new()).broadcast(true);
/// ```
///
/// Port 0 is any free port. Of a name that stands for several addresses, the first that can be
/// bound is used. `Udp::from_std(socket, codec)` takes a `UdpSocket` of std that is bound already.
///
/// # A server
/// Each address that datagrams come from has a session, as a connection would: with its own value
/// and state, `on(connect)` at its first datagram, and `on(disconnect)` after
/// [`idle_timeout`](crate::Server::idle_timeout) without one. If there is no such limit, that is 10
/// seconds after the only datagram of an address, and a minute after each later one.
/// [`Peer::close`](portcullis_service::Peer::close) ends it sooner; the next datagram from there
/// begins a new one.
///
/// Whatever is too much is dropped, and counted in
/// [`datagram_stats`](crate::Server::datagram_stats): datagrams over
/// [`max_queued_datagram_bytes`](crate::Server::max_queued_datagram_bytes) of one sender, and those
/// of strangers when there are [`max_datagram_sessions`](crate::Server::max_datagram_sessions).
///
/// A server at the wildcard address (`0.0.0.0`, `[::]`) answers from the address that the datagram
/// was sent to, on Linux, Android and Apple's systems; elsewhere the system chooses, so listen on
/// each address there. A peer that sends to two addresses has a session at each. What was sent to a
/// group is answered to its sender, from an address of this host.
#[derive(Clone, Debug)]
#[must_use = "an address does nothing before a server listens there"]
pub struct Udp<D, A = SocketAddrs> {
    pub(crate) addr: A,
    pub(crate) codec: D,
    pub(crate) options: UdpOptions,
}

impl<D> Udp<D, UdpSocket> {
    /// A socket that is bound already, with the codec of its datagrams.
    pub fn from_std(socket: UdpSocket, codec: D) -> Self {
        Self { addr: socket, codec, options: UdpOptions::default() }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct UdpOptions {
    reuse_addr: bool,
    reuse_port: bool,
    only_v6: Option<bool>,
    broadcast: bool,
    receive_buffer: Option<usize>,
    send_buffer: Option<usize>,
    joins_v4: Vec<(Ipv4Addr, Ipv4Addr)>,
    joins_v6: Vec<(Ipv6Addr, u32)>,
    sends_from_v4: Option<Ipv4Addr>,
    sends_from_v6: Option<u32>,
    hops: Option<u32>,
    echo: Option<bool>,
}

impl<D> Udp<D> {
    /// The address with the codec of its datagrams, and with the options that the system has by
    /// default.
    pub fn new(addr: impl Into<SocketAddrs>, codec: D) -> Self {
        Self { addr: addr.into(), codec, options: UdpOptions::default() }
    }

    /// `SO_REUSEADDR`: several sockets have one address. A datagram to a group or a broadcast comes
    /// to each of them, and any other to one. Off by default.
    pub fn reuse_addr(mut self, on: bool) -> Self {
        self.options.reuse_addr = on;
        self
    }

    /// `SO_REUSEPORT`: several sockets, of several processes too, share the senders of one port.
    /// Only on Unix systems; elsewhere binding with it is an error (`Unsupported`).
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.options.reuse_port = on;
        self
    }

    /// `IPV6_V6ONLY`: whether an address of IPv6 takes no datagrams of IPv4. What the system says,
    /// unless said here.
    pub fn only_v6(mut self, on: bool) -> Self {
        self.options.only_v6 = Some(on);
        self
    }

    /// `SO_BROADCAST`: may send to all of a network at once. Off by default; receiving needs no
    /// permission.
    pub fn broadcast(mut self, on: bool) -> Self {
        self.options.broadcast = on;
        self
    }

    /// `SO_RCVBUF`: how much waits in the kernel, and what is more is lost. The system has a limit
    /// of its own, and a warning is logged if it gives less.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.options.receive_buffer = Some(bytes);
        self
    }

    /// `SO_SNDBUF`: how much is taken before sending waits. The system has a limit of its own, and
    /// a warning is logged if it gives less.
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.options.send_buffer = Some(bytes);
        self
    }

    /// Hears what is sent to `group`, on the interface that has this address (0.0.0.0: the one that
    /// the system takes).
    pub fn join_multicast_v4(mut self, group: Ipv4Addr, interface: Ipv4Addr) -> Self {
        self.options.joins_v4.push((group, interface));
        self
    }

    /// Hears what is sent to `group`, on the interface of this number (0: the one that the system
    /// takes).
    pub fn join_multicast_v6(mut self, group: Ipv6Addr, interface: u32) -> Self {
        self.options.joins_v6.push((group, interface));
        self
    }

    /// `IP_MULTICAST_IF`: what is sent to a group leaves by the interface that has this address.
    pub fn multicast_if_v4(mut self, interface: Ipv4Addr) -> Self {
        self.options.sends_from_v4 = Some(interface);
        self
    }

    /// `IPV6_MULTICAST_IF`: what is sent to a group leaves by the interface of this number.
    pub fn multicast_if_v6(mut self, interface: u32) -> Self {
        self.options.sends_from_v6 = Some(interface);
        self
    }

    /// How many networks what is sent to a group may cross: up to 255, and binding with more is an
    /// error (`InvalidInput`). 1, this one, by default.
    pub fn multicast_hops(mut self, count: u32) -> Self {
        self.options.hops = Some(count);
        self
    }

    /// Whether what is sent to a group is heard on this host, too. It is by default.
    pub fn multicast_loop(mut self, on: bool) -> Self {
        self.options.echo = Some(on);
        self
    }
}

impl UdpOptions {
    /// A socket at the first of the addresses that can be bound.
    pub(crate) fn bind(&self, addr: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        first_of(addr, |addr| self.bind_to(addr))
    }

    fn bind_to(&self, addr: SocketAddr) -> io::Result<UdpSocket> {
        self.open(addr, |socket| ask_for_locals(socket, addr))
    }

    /// A socket of any port that can be connected to `peer`.
    pub(super) fn bind_to_connect(&self, peer: SocketAddr) -> io::Result<UdpSocket> {
        let any = if peer.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
        self.open(any, |_| ())
    }

    fn open(&self, addr: SocketAddr, prepare: impl FnOnce(&Socket)) -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(self.reuse_addr)?;
        set_reuse_port(&socket, self.reuse_port)?;
        if let Some(only) = self.only_v6.filter(|_| addr.is_ipv6()) {
            socket.set_only_v6(only)?;
        }
        socket.set_broadcast(self.broadcast)?;
        set_buffers(&socket, self.receive_buffer, self.send_buffer)?;
        prepare(&socket);
        socket.bind(&addr.into())?;
        self.set_multicast(&socket, addr.is_ipv6())?;
        Ok(socket.into())
    }

    fn set_multicast(&self, socket: &Socket, v6: bool) -> io::Result<()> {
        for (group, interface) in &self.joins_v4 {
            socket.join_multicast_v4(group, interface)?;
        }
        for (group, interface) in &self.joins_v6 {
            socket.join_multicast_v6(group, *interface)?;
        }
        if let Some(interface) = &self.sends_from_v4 {
            socket.set_multicast_if_v4(interface)?;
        }
        if let Some(interface) = self.sends_from_v6 {
            socket.set_multicast_if_v6(interface)?;
        }
        if let Some(hops) = self.hops {
            // Some that are out of range would be taken for the system's default.
            if hops > 255 {
                let text = "`multicast_hops`: a datagram crosses at most 255 networks";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            if v6 { socket.set_multicast_hops_v6(hops) } else { socket.set_multicast_ttl_v4(hops) }?;
        }
        if let Some(on) = self.echo {
            if v6 { socket.set_multicast_loop_v6(on) } else { socket.set_multicast_loop_v4(on) }?;
        }
        Ok(())
    }
}

/// Has the system tell which address of this host each datagram was sent to, if there are several.
pub(super) fn ask_for_locals(socket: &impl local::Askable, addr: SocketAddr) {
    if addr.ip().is_unspecified() {
        if let Err(error) = local::ask(socket, addr.is_ipv6()) {
            warn!(%error, %addr, "the system does not tell which address of this host a datagram was sent to");
        }
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;

    use super::*;

    fn udp(addr: &str) -> Udp<()> {
        Udp::new(addr, ())
    }

    fn bind(udp: Udp<()>) -> io::Result<UdpSocket> {
        udp.options.bind(&udp.addr)
    }

    #[test]
    fn sockets_are_opened_as_they_were_asked_to_be() {
        let plain = bind(udp("127.0.0.1:0")).expect("a port");
        assert!(!plain.broadcast().expect("a socket"));
        assert!(!SockRef::from(&plain).reuse_address().expect("a socket"));
        assert!(bind(Udp::new(plain.local_addr().expect("bound"), ())).is_err(), "it is taken");

        let shared = |addr: SocketAddr| {
            Udp::new(addr, ()).broadcast(true).reuse_addr(true).multicast_hops(3).multicast_loop(false)
        };
        let socket = shared(([127, 0, 0, 1], 0).into()).receive_buffer(20_000).send_buffer(30_000);
        let socket = bind(socket).expect("a port");
        assert!(socket.broadcast().expect("a socket"));
        assert_eq!(socket.multicast_ttl_v4().expect("a socket"), 3);
        assert!(!socket.multicast_loop_v4().expect("a socket"));
        // Linux doubles them.
        assert!((20_000..=40_000).contains(&SockRef::from(&socket).recv_buffer_size().expect("a socket")));
        assert!((30_000..=60_000).contains(&SockRef::from(&socket).send_buffer_size().expect("a socket")));
        bind(shared(socket.local_addr().expect("bound"))).expect("both want to share it");
        // Where there is no IPv6 there is nothing to be seen.
        if let Ok(socket) = bind(udp("[::]:0").only_v6(true).multicast_hops(4).multicast_loop(false)) {
            assert!(SockRef::from(&socket).only_v6().expect("a socket"));
            assert_eq!(SockRef::from(&socket).multicast_hops_v6().expect("a socket"), 4);
        }
        // Out of range, where the system would say nothing.
        for hops in [256, u32::MAX] {
            let refused = bind(udp("127.0.0.1:0").multicast_hops(hops)).expect_err("too many");
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        }
        let huge = bind(udp("127.0.0.1:0").receive_buffer(1 << 32).send_buffer(usize::MAX));
        let plain = bind(udp("127.0.0.1:0")).expect("a port");
        let sizes = |socket: &UdpSocket| {
            let socket = SockRef::from(socket);
            (socket.recv_buffer_size().expect("a socket"), socket.send_buffer_size().expect("a socket"))
        };
        let (huge, plain) = (sizes(&huge.expect("as much as there is")), sizes(&plain));
        assert!(huge.0 >= plain.0 && huge.1 >= plain.1, "{huge:?} is less than {plain:?}");
        // No group.
        let none = udp("127.0.0.1:0").join_multicast_v4(Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED);
        assert!(bind(none).is_err());
    }
}
