//! [`Udp`]: a UDP address with the options of its socket and the codec of its datagrams.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use socket2::{Protocol, Socket};
use tracing::warn;

use super::packet_info;
use crate::sockets::{IpOptions, SocketAddrs, set_buffers, try_each_addr};

/// A UDP address with the options of its socket and the codec of its datagrams, one message each.
/// [`Server::listen`](crate::Server::listen) and [`Endpoint::bind`](crate::Endpoint::bind) receive
/// there, and [`Endpoint::connect`](crate::Endpoint::connect) sends there.
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
/// Port 0 means any free port. If a name has several addresses, the first that can be bound is
/// used. `Udp::from_std(socket, codec)` takes a `UdpSocket` of std that is already bound.
///
/// # A server
/// Each source address has a session, like a connection: with its own value and state,
/// `on(connect)` at its first datagram, and `on(disconnect)` after
/// [`idle_timeout`](crate::Server::idle_timeout) without a datagram. If that limit is not set, it
/// is 10 seconds after the first datagram of an address, and a minute after each later one.
/// [`Peer::close`](portcullis_service::Peer::close) ends the session earlier; the next datagram
/// from the address begins a new one.
///
/// Datagrams over a limit are dropped and counted in
/// [`datagram_stats`](crate::Server::datagram_stats): those over
/// [`max_queued_datagram_bytes`](crate::Server::max_queued_datagram_bytes) of one session, and
/// those that would begin a session when there are
/// [`max_datagram_sessions`](crate::Server::max_datagram_sessions).
///
/// A server at the wildcard address (`0.0.0.0`, `[::]`) answers from the address that the datagram
/// was sent to, on Linux, Android and Apple's systems. Elsewhere the system chooses the source
/// address, so listen on each address there. A peer that sends to two addresses of the host has a
/// session for each. The answer to a datagram that was sent to a multicast group comes from an
/// address of this host.
#[derive(Clone, Debug)]
#[must_use = "an address does nothing before a server listens there"]
pub struct Udp<D, A = SocketAddrs> {
    pub(crate) addr: A,
    pub(crate) codec: D,
    pub(crate) options: UdpOptions,
}

impl<D> Udp<D, UdpSocket> {
    /// Takes a socket that is already bound, with the codec of its datagrams.
    pub fn from_std(socket: UdpSocket, codec: D) -> Self {
        Self { addr: socket, codec, options: UdpOptions::default() }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct UdpOptions {
    ip: IpOptions,
    broadcast: bool,
    receive_buffer: Option<usize>,
    send_buffer: Option<usize>,
    groups_v4: Vec<(Ipv4Addr, Ipv4Addr)>,
    groups_v6: Vec<(Ipv6Addr, u32)>,
    multicast_if_v4: Option<Ipv4Addr>,
    multicast_if_v6: Option<u32>,
    multicast_hops: Option<u32>,
    multicast_loop: Option<bool>,
}

impl<D> Udp<D> {
    /// Makes an address with the codec of its datagrams and the default options of the system.
    pub fn new(addr: impl Into<SocketAddrs>, codec: D) -> Self {
        Self { addr: addr.into(), codec, options: UdpOptions::default() }
    }

    /// Sets `SO_REUSEADDR`: several sockets have one address. Each of them receives a datagram that
    /// is sent to a group or is a broadcast; any other datagram goes to one of them. Off by
    /// default.
    pub fn reuse_addr(mut self, on: bool) -> Self {
        self.options.ip.reuse_addr = on;
        self
    }

    /// Sets `SO_REUSEPORT`: several sockets, also of several processes, share a port; each sender
    /// is assigned to one of them. Only on Unix; elsewhere, binding with it is an error
    /// (`Unsupported`). Off by default.
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.options.ip.reuse_port = on;
        self
    }

    /// Sets `IPV6_V6ONLY`: whether an IPv6 address does not receive datagrams over IPv4. The
    /// default is that of the system.
    pub fn only_v6(mut self, on: bool) -> Self {
        self.options.ip.only_v6 = Some(on);
        self
    }

    /// Sets `SO_BROADCAST`, which permits sending broadcasts. Off by default; receiving needs no
    /// permission.
    pub fn broadcast(mut self, on: bool) -> Self {
        self.options.broadcast = on;
        self
    }

    /// Sets `SO_RCVBUF`: how many bytes wait in the kernel. Further datagrams are lost. The system
    /// has its own limit, and a warning is logged if the buffer is smaller than requested.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.options.receive_buffer = Some(bytes);
        self
    }

    /// Sets `SO_SNDBUF`: how many bytes the kernel takes before sending waits. The system has its
    /// own limit, and a warning is logged if the buffer is smaller than requested.
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.options.send_buffer = Some(bytes);
        self
    }

    /// Joins the multicast `group` on the interface with this address (0.0.0.0: the system
    /// chooses).
    pub fn join_multicast_v4(mut self, group: Ipv4Addr, interface: Ipv4Addr) -> Self {
        self.options.groups_v4.push((group, interface));
        self
    }

    /// Joins the multicast `group` on the interface with this index (0: the system chooses).
    pub fn join_multicast_v6(mut self, group: Ipv6Addr, interface: u32) -> Self {
        self.options.groups_v6.push((group, interface));
        self
    }

    /// Sets `IP_MULTICAST_IF`: datagrams to a group are sent on the interface with this address.
    pub fn multicast_if_v4(mut self, interface: Ipv4Addr) -> Self {
        self.options.multicast_if_v4 = Some(interface);
        self
    }

    /// Sets `IPV6_MULTICAST_IF`: datagrams to a group are sent on the interface with this index.
    pub fn multicast_if_v6(mut self, interface: u32) -> Self {
        self.options.multicast_if_v6 = Some(interface);
        self
    }

    /// Sets how many networks a datagram to a group may cross: up to 255, and binding with more is
    /// an error (`InvalidInput`). 1 by default: the local network.
    pub fn multicast_hops(mut self, count: u32) -> Self {
        self.options.multicast_hops = Some(count);
        self
    }

    /// Sets whether sockets on this host receive datagrams that are sent to a group from here. On
    /// by default.
    pub fn multicast_loop(mut self, on: bool) -> Self {
        self.options.multicast_loop = Some(on);
        self
    }
}

impl UdpOptions {
    /// Binds a socket to the first address that can be bound.
    pub(crate) fn bind(&self, addr: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        try_each_addr(addr, |addr| self.bind_to(addr))
    }

    fn bind_to(&self, addr: SocketAddr) -> io::Result<UdpSocket> {
        self.open(addr, |socket| enable_packet_info(socket, addr))
    }

    /// Binds a socket to any port, for connecting it to `peer`.
    pub(super) fn bind_to_connect(&self, peer: SocketAddr) -> io::Result<UdpSocket> {
        let any = if peer.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
        self.open(any, |_| ())
    }

    fn open(&self, addr: SocketAddr, prepare: impl FnOnce(&Socket)) -> io::Result<UdpSocket> {
        let socket = self.ip.new_socket(addr, Protocol::UDP)?;
        socket.set_broadcast(self.broadcast)?;
        set_buffers(&socket, self.receive_buffer, self.send_buffer)?;
        prepare(&socket);
        socket.bind(&addr.into())?;
        self.set_multicast(&socket, addr.is_ipv6())?;
        Ok(socket.into())
    }

    fn set_multicast(&self, socket: &Socket, v6: bool) -> io::Result<()> {
        for (group, interface) in &self.groups_v4 {
            socket.join_multicast_v4(group, interface)?;
        }
        for (group, interface) in &self.groups_v6 {
            socket.join_multicast_v6(group, *interface)?;
        }
        if let Some(interface) = &self.multicast_if_v4 {
            socket.set_multicast_if_v4(interface)?;
        }
        if let Some(interface) = self.multicast_if_v6 {
            socket.set_multicast_if_v6(interface)?;
        }
        if let Some(hops) = self.multicast_hops {
            // Some systems replace a value that is out of range by their default.
            if hops > 255 {
                let text = "`multicast_hops`: a datagram crosses at most 255 networks";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
            if v6 { socket.set_multicast_hops_v6(hops) } else { socket.set_multicast_ttl_v4(hops) }?;
        }
        if let Some(on) = self.multicast_loop {
            if v6 { socket.set_multicast_loop_v6(on) } else { socket.set_multicast_loop_v4(on) }?;
        }
        Ok(())
    }
}

/// Makes the system report which address of this host each datagram was sent to, if the host may
/// have several.
pub(super) fn enable_packet_info(socket: &impl packet_info::MaybeFd, addr: SocketAddr) {
    if addr.ip().is_unspecified() {
        if let Err(error) = packet_info::enable(socket, addr.is_ipv6()) {
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
        // Skipped where the host has no IPv6.
        if let Ok(socket) = bind(udp("[::]:0").only_v6(true).multicast_hops(4).multicast_loop(false)) {
            assert!(SockRef::from(&socket).only_v6().expect("a socket"));
            assert_eq!(SockRef::from(&socket).multicast_hops_v6().expect("a socket"), 4);
        }
        // Some systems report no error for these.
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
        // This address is not a group.
        let none = udp("127.0.0.1:0").join_multicast_v4(Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED);
        assert!(bind(none).is_err());
    }
}
