//! [`Origin`]: what is known of a connection's other end; and [`Credentials`], which a Unix socket knows.
//!
//! One of these is part of every session, so it is as small as an IP address: all else is behind a pointer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

#[cfg(any(feature = "tls", all(feature = "fds", unix)))]
use std::sync::Arc;
#[cfg(feature = "tls")]
use std::sync::OnceLock;

#[cfg(all(feature = "fds", unix))]
use super::fds::Pouch;

#[cfg(feature = "tls")]
use super::tls::TlsInfo;

/// Where a connection comes from.
pub(crate) enum Origin {
    /// The transport has no addresses.
    Unnamed,
    V4(Ipv4Addr, u16),
    V6 {
        ip: Ipv6Addr,
        port: u16,
        scope: u32,
    },
    #[cfg(unix)]
    Unix(Credentials),
    #[cfg(all(feature = "fds", unix))]
    Passing(Arc<Pouch>),
    #[cfg(feature = "tls")]
    Tls(Arc<Shaken>),
}

/// Where the stream below TLS comes from, and what its handshake has told, once it has.
#[cfg(feature = "tls")]
pub(crate) struct Shaken {
    pub(crate) below: Origin,
    pub(crate) info: OnceLock<TlsInfo>,
}

impl Origin {
    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        match *self {
            Self::Unnamed => None,
            Self::V4(ip, port) => Some((ip, port).into()),
            Self::V6 { ip, port, scope } => Some(SocketAddrV6::new(ip, port, 0, scope).into()),
            #[cfg(unix)]
            Self::Unix(_) => None,
            #[cfg(all(feature = "fds", unix))]
            Self::Passing(_) => None,
            #[cfg(feature = "tls")]
            Self::Tls(ref shaken) => shaken.below.addr(),
        }
    }

    /// Whom a limit of connections for each peer counts: an address of IPv4, or the /64 of one of IPv6, since
    /// that is what one customer of a network has at least.
    pub(crate) fn host(&self) -> Option<IpAddr> {
        Some(match self.addr()?.ip().to_canonical() {
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
            ip => ip,
        })
    }

    #[cfg(unix)]
    pub(crate) fn credentials(&self) -> Option<Credentials> {
        match *self {
            Self::Unix(credentials) => Some(credentials),
            #[cfg(feature = "fds")]
            Self::Passing(ref pouch) => pouch.credentials(),
            #[cfg(feature = "tls")]
            Self::Tls(ref shaken) => shaken.below.credentials(),
            _ => None,
        }
    }

    #[cfg(all(feature = "fds", unix))]
    pub(crate) fn pouch(&self) -> Option<&Pouch> {
        match self {
            Self::Passing(pouch) => Some(pouch),
            _ => None,
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn tls(&self) -> Option<&TlsInfo> {
        match self {
            Self::Tls(shaken) => shaken.info.get(),
            _ => None,
        }
    }
}

impl From<SocketAddr> for Origin {
    fn from(addr: SocketAddr) -> Self {
        match addr {
            SocketAddr::V4(addr) => Self::V4(*addr.ip(), addr.port()),
            SocketAddr::V6(addr) => Self::V6 { ip: *addr.ip(), port: addr.port(), scope: addr.scope_id() },
        }
    }
}

impl From<Option<SocketAddr>> for Origin {
    fn from(addr: Option<SocketAddr>) -> Self {
        addr.map_or(Self::Unnamed, Self::from)
    }
}

/// Who is at the other end of a Unix socket, by the kernel's word, as of when it connected.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The process, where the system tells.
    pub pid: Option<i32>,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

#[cfg(unix)]
impl From<tokio::net::unix::UCred> for Credentials {
    fn from(credentials: tokio::net::unix::UCred) -> Self {
        Self { pid: credentials.pid(), uid: credentials.uid(), gid: credentials.gid() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_gives_its_address_back_and_is_no_larger_than_one() {
        for addr in ["1.2.3.4:5", "[fe80::1%3]:7", "[::1]:9"] {
            let addr: SocketAddr = addr.parse().expect("an address");
            assert_eq!(Origin::from(addr).addr(), Some(addr));
        }
        assert_eq!(Origin::from(None).addr(), None);
        assert_eq!(size_of::<Origin>(), 24);
    }

    #[test]
    fn a_host_is_an_address_of_ipv4_or_a_network_of_ipv6() {
        let host = |addr: &str| Origin::from(addr.parse::<SocketAddr>().expect("an address")).host();
        assert_eq!(host("1.2.3.4:5"), host("[::ffff:1.2.3.4]:6"));
        assert_ne!(host("1.2.3.4:5"), host("1.2.3.5:5"));
        assert_eq!(host("[2001:db8::1]:5"), host("[2001:db8::ffff:2]:6"));
        assert_ne!(host("[2001:db8::1]:5"), host("[2001:db8:0:1::1]:5"));
    }
}
