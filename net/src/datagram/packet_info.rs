//! The address of this host that a datagram was sent to, so that the answer comes from there.
//!
//! A socket at the wildcard address (`0.0.0.0`, `[::]`) receives what is sent to any address of its
//! host, and the system sends from the address at which the route to the peer begins. A peer that
//! is connected to another address does not receive such an answer. With `IP_PKTINFO` and
//! `IPV6_PKTINFO` the system reports the destination of each datagram, and sends from the address
//! that it is given. This is used on Linux, Android and Apple's systems. Elsewhere, the system
//! chooses.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use tokio::net::UdpSocket;

/// A buffer for the control message that the system returns with a datagram.
#[derive(Debug)]
pub(crate) struct PacketInfoBuffer {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    bytes: Vec<u8>,
}

impl PacketInfoBuffer {
    /// Returns a buffer for a socket at `addr`, or `None` if the socket has one address only or the
    /// system has no such option.
    pub(crate) fn new(addr: Option<SocketAddr>) -> Option<Self> {
        addr.filter(|addr| addr.ip().is_unspecified())?;
        new_buffer()
    }
}

/// A socket on which the option can be set.
#[cfg(unix)]
pub(crate) use std::os::fd::AsFd as MaybeFd;

/// A socket on which the option can be set.
#[cfg(not(unix))]
pub(crate) trait MaybeFd {}
#[cfg(not(unix))]
impl<T> MaybeFd for T {}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
mod system {
    use std::io::{IoSlice, IoSliceMut};
    use std::net::Ipv6Addr;
    use std::os::fd::{AsFd, AsRawFd};
    use std::task::ready;

    use nix::libc::{in_pktinfo, in6_pktinfo};
    use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo};
    use nix::sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt,
    };
    use tokio::io::Interest;

    use super::*;

    pub(super) fn new_buffer() -> Option<PacketInfoBuffer> {
        Some(PacketInfoBuffer { bytes: nix::cmsg_space!(in_pktinfo, in6_pktinfo) })
    }

    /// Sets the option. Call it before the socket is bound, so that it applies to every datagram.
    pub(crate) fn enable(socket: &impl AsFd, v6: bool) -> io::Result<()> {
        let enabled = if v6 {
            setsockopt(socket, Ipv6RecvPacketInfo, &true)
        } else {
            setsockopt(socket, Ipv4PacketInfo, &true)
        };
        Ok(enabled?)
    }

    /// Receives a datagram. Returns its length, its source, and the address of this host that it
    /// was sent to.
    pub(crate) fn poll_recv(
        socket: &UdpSocket,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        packet_info: &mut PacketInfoBuffer,
    ) -> Poll<io::Result<(usize, SocketAddr, Option<IpAddr>)>> {
        loop {
            ready!(socket.poll_recv_ready(cx))?;
            match socket.try_io(Interest::READABLE, || recv(socket, buffer, packet_info)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
        }
    }

    fn recv(
        socket: &UdpSocket,
        buffer: &mut [u8],
        packet_info: &mut PacketInfoBuffer,
    ) -> io::Result<(usize, SocketAddr, Option<IpAddr>)> {
        let mut buffers = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut buffers,
            Some(&mut packet_info.bytes),
            MsgFlags::empty(),
        )?;
        let from = message.address.as_ref().and_then(to_std).ok_or(io::ErrorKind::InvalidData)?;
        let local =
            message.cmsgs().ok().and_then(|mut messages| messages.find_map(|message| local_addr(&message)));
        Ok((message.bytes, from, local))
    }

    fn to_std(addr: &SockaddrStorage) -> Option<SocketAddr> {
        let v4 = addr.as_sockaddr_in().map(|addr| SocketAddr::V4((*addr).into()));
        v4.or_else(|| addr.as_sockaddr_in6().map(|addr| SocketAddr::V6((*addr).into())))
    }

    /// Returns the address in a control message if it can be a source address: not a group, not a
    /// broadcast.
    fn local_addr(message: &ControlMessageOwned) -> Option<IpAddr> {
        let ip = match message {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                // Linux puts an address of this host here, also for a datagram to a group.
                let own = if info.ipi_spec_dst.s_addr == 0 { info.ipi_addr } else { info.ipi_spec_dst };
                IpAddr::from(own.s_addr.to_ne_bytes())
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => IpAddr::from(info.ipi6_addr.s6_addr),
            _ => return None,
        };
        let is_unicast = match ip.to_canonical() {
            IpAddr::V4(ip) => !ip.is_multicast() && !ip.is_broadcast() && !ip.is_unspecified(),
            IpAddr::V6(ip) => !ip.is_multicast() && !ip.is_unspecified(),
        };
        is_unicast.then_some(ip)
    }

    /// Sends a datagram with `local` as the source address. This makes one small allocation.
    pub(crate) fn try_send(
        socket: &UdpSocket,
        datagram: &[u8],
        to: SocketAddr,
        local: IpAddr,
    ) -> io::Result<usize> {
        let mut v4 = in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: addr_v4(0), ipi_addr: addr_v4(0) };
        let mut v6 = in6_pktinfo {
            ipi6_addr: nix::libc::in6_addr { s6_addr: Ipv6Addr::UNSPECIFIED.octets() },
            ipi6_ifindex: 0,
        };
        let from = match local {
            IpAddr::V4(ip) => {
                v4.ipi_spec_dst = addr_v4(u32::from_ne_bytes(ip.octets()));
                ControlMessage::Ipv4PacketInfo(&v4)
            }
            IpAddr::V6(ip) => {
                v6.ipi6_addr.s6_addr = ip.octets();
                ControlMessage::Ipv6PacketInfo(&v6)
            }
        };
        let (datagram, to) = ([IoSlice::new(datagram)], SockaddrStorage::from(to));
        socket.try_io(Interest::WRITABLE, || {
            Ok(sendmsg(socket.as_raw_fd(), &datagram, &[from], MsgFlags::empty(), Some(&to))?)
        })
    }

    fn addr_v4(s_addr: u32) -> nix::libc::in_addr {
        nix::libc::in_addr { s_addr }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
mod system {
    use super::*;

    pub(super) fn new_buffer() -> Option<PacketInfoBuffer> {
        None
    }

    pub(crate) fn enable<T>(_: &T, _v6: bool) -> io::Result<()> {
        Ok(())
    }

    /// Never called, because `new_buffer` returns `None`.
    pub(crate) fn poll_recv(
        _: &UdpSocket,
        _: &mut Context<'_>,
        _: &mut [u8],
        _: &mut PacketInfoBuffer,
    ) -> Poll<io::Result<(usize, SocketAddr, Option<IpAddr>)>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    pub(crate) fn try_send(
        socket: &UdpSocket,
        datagram: &[u8],
        to: SocketAddr,
        _local: IpAddr,
    ) -> io::Result<usize> {
        socket.try_send_to(datagram, to)
    }
}

use self::system::new_buffer;
pub(crate) use self::system::{enable, poll_recv, try_send};
