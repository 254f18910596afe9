//! Names to sockets, one address after another: [`first_of`], and [`each_its_share`] of a time limit.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

/// What `open` makes of the first of the addresses that it can, or why it can't of the last.
pub(crate) fn first_of<T>(
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

/// As [`first_of`], where all together may take until then: each address gets an equal share of what is left.
pub(crate) fn each_its_share<T>(
    addrs: impl ToSocketAddrs,
    until: Instant,
    mut open: impl FnMut(SocketAddr, Instant) -> io::Result<T>,
) -> io::Result<T> {
    let addrs = alternating(addrs.to_socket_addrs()?.collect());
    let mut failures = Failures::default();
    for (index, addr) in addrs.iter().enumerate() {
        let now = Instant::now();
        let waiting = u32::try_from(addrs.len() - index).unwrap_or(u32::MAX);
        match open(*addr, now + until.saturating_duration_since(now) / waiting) {
            Ok(opened) => return Ok(opened),
            Err(error) => failures.push(error),
        }
        if left(until).is_err() {
            break;
        }
    }
    Err(failures.into_error())
}

/// How long it is until then.
///
/// # Errors
/// `TimedOut` if that is now or before.
pub(crate) fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// The families take turns, so that one which leads nowhere costs one attempt (RFC 8305, section 4).
pub(super) fn alternating(addrs: Vec<SocketAddr>) -> Vec<SocketAddr> {
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

/// Why each address failed, of which one error is told: the last, or that of an address where somebody answered.
#[derive(Default)]
pub(super) struct Failures(Option<io::Error>);

impl Failures {
    pub(super) fn push(&mut self, error: io::Error) {
        if self.0.as_ref().is_none_or(|before| before.kind() != io::ErrorKind::InvalidData) {
            self.0 = Some(error);
        }
    }

    pub(super) fn into_error(self) -> io::Error {
        self.0.unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "there is no such address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_keep_their_order() {
        let addrs = |text: &[&str]| text.iter().map(|addr| addr.parse().unwrap()).collect::<Vec<_>>();
        let mixed = addrs(&["[::1]:1", "[::1]:2", "[::1]:3", "1.1.1.1:1", "1.1.1.1:2"]);
        let turns = addrs(&["[::1]:1", "1.1.1.1:1", "[::1]:2", "1.1.1.1:2", "[::1]:3"]);
        assert_eq!(alternating(mixed), turns);
        assert_eq!(alternating(Vec::new()), []);
    }

    #[test]
    fn what_an_address_does_not_use_is_for_the_others() {
        let addrs: Vec<SocketAddr> = (1..=3).map(|port| ([127, 0, 0, 1], port).into()).collect();
        let until = Instant::now() + Duration::from_secs(90);
        let mut shares = Vec::new();
        let failed = each_its_share(&addrs[..], until, |_, share| {
            shares.push(left(share).unwrap().as_secs_f64().round());
            Err::<(), _>(io::ErrorKind::ConnectionRefused.into())
        });
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(shares, [30.0, 45.0, 90.0]);
    }
}
