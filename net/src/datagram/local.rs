//! Which address of this host a datagram was sent to, so that it can be answered from there.
//!
//! A socket at the wildcard address (`0.0.0.0`, `[::]`) is reached at every address of its host,
//! and the system answers from the one that the route to the peer begins at. A peer that has asked
//! at another one, and is connected to that, never hears it. The system tells the address along
//! with each datagram if it is asked to (`IP_PKTINFO`, `IPV6_PKTINFO`), and takes it along with an
//! answer. Here that is done on Linux, Android and Apple's systems. Elsewhere the system chooses.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use tokio::net::UdpSocket;

/// Where the addresses come: room for what the system tells along with a datagram.
#[derive(Debug)]
pub(crate) struct Told {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    bytes: Vec<u8>,
}

impl Told {
    /// For this socket; `None` if it has one address only, or the system can't tell.
    pub(crate) fn of(addr: Option<SocketAddr>) -> Option<Self> {
        addr.filter(|addr| addr.ip().is_unspecified())?;
        room()
    }
}

/// What can be asked to tell.
#[cfg(unix)]
pub(crate) use std::os::fd::AsFd as Askable;

/// What can be asked to tell.
#[cfg(not(unix))]
pub(crate) trait Askable {}
#[cfg(not(unix))]
impl<T> Askable for T {}

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

    pub(super) fn room() -> Option<Told> {
        Some(Told { bytes: nix::cmsg_space!(in_pktinfo, in6_pktinfo) })
    }

    /// Has the system tell. Before the socket is bound: of what came before, it does not know.
    pub(crate) fn ask(socket: &impl AsFd, v6: bool) -> io::Result<()> {
        let asked = if v6 {
            setsockopt(socket, Ipv6RecvPacketInfo, &true)
        } else {
            setsockopt(socket, Ipv4PacketInfo, &true)
        };
        Ok(asked?)
    }

    /// The next datagram, where it comes from, and the address of this host that it was sent to.
    pub(crate) fn poll_recv(
        socket: &UdpSocket,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        told: &mut Told,
    ) -> Poll<io::Result<(usize, SocketAddr, Option<IpAddr>)>> {
        loop {
            ready!(socket.poll_recv_ready(cx))?;
            match socket.try_io(Interest::READABLE, || recv(socket, buffer, told)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return Poll::Ready(received),
            }
        }
    }

    fn recv(
        socket: &UdpSocket,
        buffer: &mut [u8],
        told: &mut Told,
    ) -> io::Result<(usize, SocketAddr, Option<IpAddr>)> {
        let mut buffers = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut buffers,
            Some(&mut told.bytes),
            MsgFlags::empty(),
        )?;
        let from = message.address.as_ref().and_then(to_std).ok_or(io::ErrorKind::InvalidData)?;
        let local = message.cmsgs().ok().and_then(|mut told| told.find_map(|told| local(&told)));
        Ok((message.bytes, from, local))
    }

    fn to_std(addr: &SockaddrStorage) -> Option<SocketAddr> {
        let v4 = addr.as_sockaddr_in().map(|addr| SocketAddr::V4((*addr).into()));
        v4.or_else(|| addr.as_sockaddr_in6().map(|addr| SocketAddr::V6((*addr).into())))
    }

    /// One that an answer can come from: no group and no broadcast.
    fn local(told: &ControlMessageOwned) -> Option<IpAddr> {
        let ip = match told {
            ControlMessageOwned::Ipv4PacketInfo(told) => {
                // Linux gives the host's own address here, also for what was sent to many.
                let own = if told.ipi_spec_dst.s_addr == 0 { told.ipi_addr } else { told.ipi_spec_dst };
                IpAddr::from(own.s_addr.to_ne_bytes())
            }
            ControlMessageOwned::Ipv6PacketInfo(told) => IpAddr::from(told.ipi6_addr.s6_addr),
            _ => return None,
        };
        let one = match ip.to_canonical() {
            IpAddr::V4(ip) => !ip.is_multicast() && !ip.is_broadcast() && !ip.is_unspecified(),
            IpAddr::V6(ip) => !ip.is_multicast() && !ip.is_unspecified(),
        };
        one.then_some(ip)
    }

    /// Sends from this address of the host. There is one small allocation in it.
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

    pub(super) fn room() -> Option<Told> {
        None
    }

    pub(crate) fn ask<T>(_: &T, _v6: bool) -> io::Result<()> {
        Ok(())
    }

    /// Nobody has a [`Told`].
    pub(crate) fn poll_recv(
        _: &UdpSocket,
        _: &mut Context<'_>,
        _: &mut [u8],
        _: &mut Told,
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

use self::system::room;
pub(crate) use self::system::{ask, poll_recv, try_send};
