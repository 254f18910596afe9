//! [`Origin`]: what is known of a connection's other end; and [`Credentials`], which a Unix socket knows.
//!
//! Each session has one of these, so it is as small as an address. What a transport knows beyond
//! that (a TLS handshake, descriptors that were passed) is behind one pointer, in an [`Extended`]
//! origin whose type is erased: this module does not know the transports. An extension trait of the
//! transport finds it again by its type, through [`Peer::extension`](crate::Peer::extension).

use std::any::Any;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

/// Where a connection comes from.
pub enum Origin {
    /// The transport has no addresses.
    Unnamed,
    /// An address of IPv4 and a port.
    V4(Ipv4Addr, u16),
    /// An address of IPv6.
    V6 {
        /// The address.
        ip: Ipv6Addr,
        /// The port.
        port: u16,
        /// The scope id.
        scope: u32,
    },
    /// A Unix socket.
    #[cfg(unix)]
    Unix(Credentials),
    /// One of the above, and something that its transport adds.
    Extended(Arc<Extended>),
}

/// An origin with what a transport adds to it, in one allocation. `Arc<Extended<T>>` coerces to
/// `Arc<Extended>`.
pub struct Extended<T: ?Sized = dyn Any + Send + Sync> {
    /// What is known without it.
    pub below: Origin,
    /// What the transport adds.
    pub extension: T,
}

impl Origin {
    /// The address, if the transport has addresses.
    #[inline]
    pub fn addr(&self) -> Option<SocketAddr> {
        match *self {
            Self::Unnamed => None,
            Self::V4(ip, port) => Some((ip, port).into()),
            Self::V6 { ip, port, scope } => Some(SocketAddrV6::new(ip, port, 0, scope).into()),
            #[cfg(unix)]
            Self::Unix(_) => None,
            Self::Extended(ref extended) => extended.below.addr(),
        }
    }

    /// The credentials, if it is a Unix socket.
    #[cfg(unix)]
    #[inline]
    pub fn credentials(&self) -> Option<Credentials> {
        match *self {
            Self::Unix(credentials) => Some(credentials),
            Self::Extended(ref extended) => extended.below.credentials(),
            _ => None,
        }
    }

    /// The extension of this type, if there is one.
    #[inline]
    pub fn extension<T: Any>(&self) -> Option<&T> {
        match self {
            Self::Extended(extended) => {
                extended.extension.downcast_ref().or_else(|| extended.below.extension())
            }
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

/// The process at the other end of a Unix socket, as the kernel saw it when the socket was
/// connected.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The process, on systems that report it.
    pub pid: Option<i32>,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
}

#[cfg(unix)]
impl Credentials {
    /// What a transport has asked the kernel.
    #[doc(hidden)]
    #[inline]
    pub fn new(pid: Option<i32>, uid: u32, gid: u32) -> Self {
        Self { pid, uid, gid }
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
    fn an_extension_is_found_by_its_type_and_hides_no_address() {
        let addr: SocketAddr = "1.2.3.4:5".parse().expect("an address");
        let number = Arc::new(Extended { below: addr.into(), extension: 7_u32 });
        let text = Arc::new(Extended { below: Origin::Extended(number), extension: "seven" });
        let origin = Origin::Extended(text);
        assert_eq!((origin.extension::<u32>(), origin.extension::<&str>()), (Some(&7), Some(&"seven")));
        assert_eq!(origin.extension::<u64>(), None);
        assert_eq!(origin.addr(), Some(addr));
        assert_eq!(Origin::Unnamed.extension::<u32>(), None);
    }
}
