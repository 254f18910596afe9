//! [`Rates`]: limits how many datagrams one host may send, and how many sessions it may begin, per
//! second.
//!
//! Each limit is a GCRA (generic cell rate algorithm, a token bucket that is stored as one point in
//! time). The burst is one second: an idle host may send a second's datagrams at once. A host whose
//! point in time has passed is equivalent to a new one, so its entry is removed, and a flood from
//! forged addresses leaves entries of a few milliseconds only.
//!
//! Each socket has its own table, owned by the task that reads the socket, so there is no lock.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

const SECOND: u64 = 1_000_000_000;

/// The number of hosts at which expired entries are first removed.
const MIN_CLEANUP_AT: usize = 1024;
/// The maximum number of hosts. Further hosts are not limited: reaching this takes millions of
/// forged addresses per second, and the bounds of sessions and bytes still apply.
const MAX_HOSTS: usize = 1 << 16;

/// A rate, as the interval between two events in nanoseconds. `None` is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate(Option<u64>);

impl Rate {
    /// Makes a rate of `count` per second, at least one. `usize::MAX` is no limit.
    pub(crate) fn per_second(count: usize) -> Self {
        Self((count != usize::MAX).then(|| SECOND / (count as u64).clamp(1, SECOND)))
    }

    /// Counts one event at `now`, if the limit permits it. `next` is the point up to which the host
    /// has used its rate.
    fn take(self, next: &mut u64, now: u64) -> bool {
        let Some(interval) = self.0 else { return true };
        let from = (*next).max(now);
        if from - now > SECOND - interval {
            return false;
        }
        *next = from + interval;
        true
    }
}

/// What one host has used, in nanoseconds from the table's beginning.
#[derive(Clone, Copy, Default)]
struct Used {
    datagrams: u64,
    sessions: u64,
}

/// The hosts that have sent lately, for one socket.
pub(super) struct Rates {
    datagrams: Rate,
    sessions: Rate,
    began: Instant,
    hosts: HashMap<IpAddr, Used>,
    cleanup_at: usize,
}

impl Rates {
    pub(super) fn new(datagrams: Rate, sessions: Rate) -> Self {
        Self { datagrams, sessions, began: Instant::now(), hosts: HashMap::new(), cleanup_at: MIN_CLEANUP_AT }
    }

    /// Whether `host` may send one more datagram now.
    pub(super) fn admits_datagram(&mut self, host: IpAddr) -> bool {
        let rate = self.datagrams;
        self.take(host, rate, |used| &mut used.datagrams)
    }

    /// Whether `host` may begin one more session now.
    pub(super) fn admits_session(&mut self, host: IpAddr) -> bool {
        let rate = self.sessions;
        self.take(host, rate, |used| &mut used.sessions)
    }

    fn take(&mut self, host: IpAddr, rate: Rate, of: impl FnOnce(&mut Used) -> &mut u64) -> bool {
        if rate.0.is_none() {
            return true;
        }
        self.take_at(self.nanos(), host, rate, of)
    }

    fn take_at(
        &mut self,
        now: u64,
        host: IpAddr,
        rate: Rate,
        of: impl FnOnce(&mut Used) -> &mut u64,
    ) -> bool {
        if self.hosts.len() >= self.cleanup_at {
            self.remove_expired(now);
        }
        if self.hosts.len() >= MAX_HOSTS && !self.hosts.contains_key(&host) {
            return true;
        }
        rate.take(of(self.hosts.entry(host).or_default()), now)
    }

    /// Forgets the hosts that have used nothing of what they may send from `now` on.
    fn remove_expired(&mut self, now: u64) {
        self.hosts.retain(|_, used| used.datagrams > now || used.sessions > now);
        // Looking through all of them is paid by as many that come before the next time.
        self.cleanup_at = (2 * self.hosts.len()).max(MIN_CLEANUP_AT);
        if self.hosts.capacity() > 8 * MIN_CLEANUP_AT {
            self.hosts.shrink_to(self.cleanup_at);
        }
    }

    fn nanos(&self) -> u64 {
        // For five hundred years.
        self.began.elapsed().as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn host(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn a_host_may_save_up_a_second_and_then_has_its_rate() {
        for per_second in [1, 3, 7, 500, 10_000] {
            let rate = Rate::per_second(per_second);
            let mut next = 0;
            let burst = (0..2 * per_second).filter(|_| rate.take(&mut next, 0)).count();
            assert_eq!(burst, per_second);
            // What is refused costs nothing: after another second there is as much again.
            let mut steady = 0;
            for step in 0..4 * per_second as u64 {
                let now = SECOND + step * SECOND / (4 * per_second as u64);
                steady += usize::from(rate.take(&mut next, now));
            }
            assert!((2 * per_second - 1..=2 * per_second).contains(&steady), "{steady} of {per_second}");
        }
    }

    #[test]
    fn no_limit_keeps_no_hosts_and_zero_is_one() {
        let mut rates = Rates::new(Rate::per_second(usize::MAX), Rate::per_second(0));
        assert!((0..10_000).all(|_| rates.admits_datagram(host(1))));
        assert!(rates.hosts.is_empty());
        assert!(rates.admits_session(host(1)) && !rates.admits_session(host(1)));
        assert!(rates.admits_session(host(2)));
    }

    #[test]
    fn forged_addresses_are_forgotten_and_those_at_their_limit_are_not() {
        let mut rates = Rates::new(Rate::per_second(1000), Rate::per_second(1));
        let mut take = |now: u64, number| {
            let rate = rates.datagrams;
            rates.take_at(now, host(number), rate, |used| &mut used.datagrams)
        };
        assert_eq!((0..2000).filter(|_| take(0, 0)).count(), 1000);
        // Half a million addresses in half a second, of which each has used its rate for a
        // millisecond.
        for number in 1..500_000 {
            assert!(take(u64::from(number) * 1000, number));
        }
        let again = (0..2000).filter(|_| take(SECOND / 2, 0)).count();
        assert_eq!(again, 500, "half of its second is still used");
        assert!(rates.hosts.len() < 5000, "{}", rates.hosts.len());
        assert!(rates.hosts.capacity() < 20_000, "{}", rates.hosts.capacity());
    }

    #[test]
    fn the_table_is_bounded_and_hosts_beyond_it_are_served() {
        let mut rates = Rates::new(Rate::per_second(1), Rate::per_second(1));
        let rate = rates.datagrams;
        for number in 0..2 * MAX_HOSTS as u32 {
            assert!(rates.take_at(0, host(number), rate, |used| &mut used.datagrams));
        }
        assert_eq!(rates.hosts.len(), MAX_HOSTS);
        assert!(!rates.take_at(0, host(0), rate, |used| &mut used.datagrams));
    }
}
