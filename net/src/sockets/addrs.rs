//! [`SocketAddrs`]: IP addresses or a name. Also [`try_each_addr`] and [`try_each_addr_until`],
//! which open a socket for the first address that works.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};
use std::vec;

/// IP addresses with ports, or a host name that is resolved when the socket is opened.
///
/// Everything that std accepts as an address converts to it: `"127.0.0.1:0"`, `"localhost:80"`, a
/// `SocketAddr`, `(host, port)` where `host` is a name, an `IpAddr` or the bytes of one, and a
/// slice or `Vec` of `SocketAddr`s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketAddrs(Addrs);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Addrs {
    Known(Vec<SocketAddr>),
    /// `host:port`.
    Text(String),
    Host(String, u16),
}

impl SocketAddrs {
    /// Resolves the name on a thread of tokio's blocking pool.
    pub(crate) async fn lookup(self) -> io::Result<Vec<SocketAddr>> {
        match self.0 {
            Addrs::Known(addrs) => Ok(addrs),
            Addrs::Text(text) => Ok(tokio::net::lookup_host(text).await?.collect()),
            Addrs::Host(host, port) => Ok(tokio::net::lookup_host((host, port)).await?.collect()),
        }
    }
}

/// Resolves the name. This blocks the thread.
impl ToSocketAddrs for SocketAddrs {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(match &self.0 {
            Addrs::Known(addrs) => addrs.clone().into_iter(),
            Addrs::Text(text) => text.to_socket_addrs()?.collect::<Vec<_>>().into_iter(),
            Addrs::Host(host, port) => {
                (host.as_str(), *port).to_socket_addrs()?.collect::<Vec<_>>().into_iter()
            }
        })
    }
}

impl From<SocketAddr> for SocketAddrs {
    fn from(addr: SocketAddr) -> Self {
        Self(Addrs::Known(vec![addr]))
    }
}

impl From<&str> for SocketAddrs {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<String> for SocketAddrs {
    fn from(text: String) -> Self {
        text.parse().map_or(Self(Addrs::Text(text)), |addr: SocketAddr| addr.into())
    }
}

impl From<(&str, u16)> for SocketAddrs {
    fn from((host, port): (&str, u16)) -> Self {
        (host.to_owned(), port).into()
    }
}

impl From<(String, u16)> for SocketAddrs {
    fn from((host, port): (String, u16)) -> Self {
        host.parse().map_or(Self(Addrs::Host(host, port)), |ip: IpAddr| (ip, port).into())
    }
}

impl From<Vec<SocketAddr>> for SocketAddrs {
    fn from(addrs: Vec<SocketAddr>) -> Self {
        Self(Addrs::Known(addrs))
    }
}

impl<const N: usize> From<[SocketAddr; N]> for SocketAddrs {
    fn from(addrs: [SocketAddr; N]) -> Self {
        Self(Addrs::Known(addrs.into()))
    }
}

impl From<&[SocketAddr]> for SocketAddrs {
    fn from(addrs: &[SocketAddr]) -> Self {
        Self(Addrs::Known(addrs.to_vec()))
    }
}

macro_rules! from_ip_and_port {
    ($($ip:ty),*) => {$(
        impl From<($ip, u16)> for SocketAddrs {
            fn from((ip, port): ($ip, u16)) -> Self {
                SocketAddr::new(ip.into(), port).into()
            }
        }
    )*};
}

from_ip_and_port!(IpAddr, Ipv4Addr, Ipv6Addr, [u8; 4], [u8; 16]);

macro_rules! from_reference {
    ($($addr:ty),*) => {$(
        impl From<&$addr> for SocketAddrs {
            fn from(addr: &$addr) -> Self {
                addr.clone().into()
            }
        }
    )*};
}

from_reference!(SocketAddr, String, SocketAddrs, Vec<SocketAddr>);

/// Calls `open` with one address after another, and returns its first success.
///
/// # Errors
/// Those of resolving the name, or the error of an address; see [`Failures`].
pub(crate) fn try_each_addr<T>(
    addrs: impl ToSocketAddrs,
    mut open: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut failures = Failures::default();
    for addr in addrs.to_socket_addrs()? {
        match open(addr) {
            Ok(opened) => return Ok(opened),
            Err(error) => failures.push(error),
        }
    }
    Err(failures.into_error())
}

/// Like [`try_each_addr`], with a deadline for all addresses together. The families alternate, and
/// each address gets an equal share of the time that remains.
pub(crate) fn try_each_addr_until<T>(
    addrs: impl ToSocketAddrs,
    deadline: Instant,
    mut open: impl FnMut(SocketAddr, Instant) -> io::Result<T>,
) -> io::Result<T> {
    let addrs = interleave_families(addrs.to_socket_addrs()?.collect());
    let mut failures = Failures::default();
    for (index, addr) in addrs.iter().enumerate() {
        let now = Instant::now();
        let untried = u32::try_from(addrs.len() - index).unwrap_or(u32::MAX);
        match open(*addr, now + deadline.saturating_duration_since(now) / untried) {
            Ok(opened) => return Ok(opened),
            Err(error) => failures.push(error),
        }
        if remaining(deadline).is_err() {
            break;
        }
    }
    Err(failures.into_error())
}

/// Returns the time until `deadline`.
///
/// # Errors
/// `TimedOut` if the deadline has passed.
pub(crate) fn remaining(deadline: Instant) -> io::Result<Duration> {
    let remaining = deadline.saturating_duration_since(Instant::now());
    if remaining.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(remaining) }
}

/// Reorders the addresses so that IPv4 and IPv6 alternate: a family without a route costs one
/// attempt, not all of its addresses (RFC 8305, section 4).
pub(super) fn interleave_families(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addrs.first().map(SocketAddr::is_ipv6) else { return addrs };
    let (one, other): (Vec<_>, Vec<_>) = addrs.into_iter().partition(|addr| addr.is_ipv6() == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut all = Vec::with_capacity(one.len() + other.len());
    while one.len() + other.len() > 0 {
        all.extend(one.next());
        all.extend(other.next());
    }
    all
}

/// Collects the errors of several addresses and keeps one: the last, but `InvalidData` is kept over
/// later errors. It means that a peer answered and the TLS handshake failed, which says more than a
/// refused connection.
#[derive(Default)]
pub(super) struct Failures(Option<io::Error>);

impl Failures {
    pub(super) fn push(&mut self, error: io::Error) {
        if self.0.as_ref().is_none_or(|before| before.kind() != io::ErrorKind::InvalidData) {
            self.0 = Some(error);
        }
    }

    pub(super) fn into_error(self) -> io::Error {
        self.0
            .unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the address resolved to nothing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_addrs_convert_from_the_types_that_std_accepts() {
        let addr: SocketAddr = "127.0.0.1:7".parse().unwrap();
        let all: [SocketAddrs; 9] = [
            addr.into(),
            "127.0.0.1:7".into(),
            "127.0.0.1:7".to_owned().into(),
            ("127.0.0.1", 7).into(),
            ("127.0.0.1".to_owned(), 7).into(),
            (Ipv4Addr::LOCALHOST, 7).into(),
            ([127, 0, 0, 1], 7).into(),
            [addr].into(),
            (&[addr][..]).into(),
        ];
        for addrs in all {
            assert_eq!(addrs, addr.into());
            assert_eq!(addrs.to_socket_addrs().unwrap().collect::<Vec<_>>(), [addr]);
        }
        for name in [SocketAddrs::from("localhost:7"), ("localhost", 7).into()] {
            assert!(name.to_socket_addrs().unwrap().all(|addr| addr.ip().is_loopback() && addr.port() == 7));
        }
        for none in ["", "localhost", "localhost:port", "127.0.0.1"] {
            assert!(SocketAddrs::from(none).to_socket_addrs().is_err(), "{none}");
        }
    }

    #[test]
    fn families_alternate_and_keep_their_order() {
        let addrs = |text: &[&str]| text.iter().map(|addr| addr.parse().unwrap()).collect::<Vec<_>>();
        let mixed = addrs(&["[::1]:1", "[::1]:2", "[::1]:3", "1.1.1.1:1", "1.1.1.1:2"]);
        let turns = addrs(&["[::1]:1", "1.1.1.1:1", "[::1]:2", "1.1.1.1:2", "[::1]:3"]);
        assert_eq!(interleave_families(mixed), turns);
        assert_eq!(interleave_families(Vec::new()), []);
    }

    #[test]
    fn unused_time_is_shared_by_the_remaining_addresses() {
        let addrs: Vec<SocketAddr> = (1..=3).map(|port| ([127, 0, 0, 1], port).into()).collect();
        let deadline = Instant::now() + Duration::from_secs(90);
        let mut shares = Vec::new();
        let failed = try_each_addr_until(&addrs[..], deadline, |_, share| {
            shares.push(remaining(share).unwrap().as_secs_f64().round());
            Err::<(), _>(io::ErrorKind::ConnectionRefused.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(shares, [30.0, 45.0, 90.0]);
    }
}
