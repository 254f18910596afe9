//! [`SessionRegistry`]: the service, and the live sessions of one server.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{debug, warn};

use crate::service::internal::{
    Origin, QueueLimits, ServerShared, SessionLimits, SessionShared, ShutdownPhase, millis,
};
use crate::service::{AnyPeer, HandlerKind, Peer, Reason, Service, Stopping};
use crate::sync::Mutex;

/// The service, what its sessions share, and a slot for each session. Aligned, so that its count of
/// owners, which every burst changes, is not on a cache line with what every burst reads.
#[repr(align(128))]
pub struct SessionRegistry<S: Service> {
    service: Arc<S>,
    server: Arc<ServerShared>,
    max: MaxSessions,
    /// How many connections linger in addition to those that are served.
    lingering: AtomicUsize,
    /// How many sessions are of datagrams: they do not count as connections.
    datagrams: AtomicUsize,
    slots: Mutex<Slots<S::Response, S::Event>>,
    malformed: WarningRate,
    overloaded: WarningRate,
    /// Notified when a slot becomes free. One task waits for it: the one that accepts, later the
    /// one that stops.
    session_ended: Notify,
}

/// How many sessions a server admits.
#[derive(Clone, Copy)]
pub(crate) struct MaxSessions {
    pub(crate) connections: usize,
    /// Sessions of one host.
    pub(crate) per_host: Option<usize>,
    /// Connections that linger, in addition to `connections`.
    pub(crate) lingering: usize,
}

/// How often peers can cause a warning in the log.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Limits the warnings about sessions that ended because of what their peers sent: a client that
/// connects again and again must not fill the log.
#[derive(Default)]
struct WarningRate {
    total: AtomicU64,
    /// A point of the server's clock.
    next_warning: AtomicU64,
}

impl WarningRate {
    /// Counts one more session. Returns how many there were so far if the log is to warn of it: the
    /// first one, and one in each [`WARNING_INTERVAL`].
    fn count(&self, now: u64) -> Option<u64> {
        let total = self.total.fetch_add(1, Ordering::Relaxed) + 1;
        let next = now.saturating_add(millis(WARNING_INTERVAL));
        let is_due = |due: u64| (due <= now).then_some(next);
        let warns = self.next_warning.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_due).is_ok();
        warns.then_some(total)
    }
}

struct Slots<Rsp, Ev> {
    sessions: Vec<Option<Arc<SessionShared<Rsp, Ev>>>>,
    free: Vec<usize>,
    last_id: u64,
    /// How many are from each host; kept only if there is a limit of it.
    per_host: HashMap<Host, usize>,
}

/// A host, and whether it sends datagrams: those may come from anywhere under its name, and must
/// not use up the connections that it may have.
type Host = (IpAddr, bool);

impl<Rsp, Ev> Slots<Rsp, Ev> {
    fn leave(&mut self, host: Host) {
        if let Entry::Occupied(mut count) = self.per_host.entry(host) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

impl<S: Service> SessionRegistry<S> {
    pub(crate) fn new(
        service: Arc<S>,
        limits: SessionLimits,
        queue_limits: QueueLimits,
        max: MaxSessions,
        stopping: Stopping,
    ) -> Arc<Self> {
        Arc::new(Self {
            service,
            server: Arc::new(
                ServerShared::new(limits.with_states(S::Kind::MIN_STATE_TIMEOUT), queue_limits, stopping)
                    .with_state_names(S::state_name),
            ),
            max,
            lingering: AtomicUsize::new(0),
            datagrams: AtomicUsize::new(0),
            slots: Mutex::new(Slots {
                sessions: Vec::new(),
                free: Vec::new(),
                last_id: 0,
                per_host: HashMap::new(),
            }),
            malformed: WarningRate::default(),
            overloaded: WarningRate::default(),
            session_ended: Notify::new(),
        })
    }

    pub(crate) fn service(&self) -> &Arc<S> {
        &self.service
    }

    pub(crate) fn server(&self) -> &ServerShared {
        &self.server
    }

    /// Whether fewer connections are served than the limit allows.
    pub(crate) fn has_capacity(&self) -> bool {
        self.active_count().saturating_sub(self.datagram_count()) < self.max.connections
    }

    /// Whether the limit of sessions of one host admits another one from this host.
    pub(crate) fn has_capacity_for(&self, origin: &Origin, datagrams: bool) -> bool {
        let Some((limit, host)) = self.max.per_host.zip(self.counted(origin, datagrams)) else { return true };
        self.slots.lock().per_host.get(&host).is_none_or(|count| *count < limit)
    }

    /// Adds a session. Dropping the [`SessionGuard`] removes it.
    pub fn admit(self: &Arc<Self>, origin: impl Into<Origin>) -> SessionGuard<S> {
        self.register(origin.into(), false)
    }

    /// As [`admit`](Self::admit), for a session of datagrams.
    pub(crate) fn admit_datagrams(self: &Arc<Self>, origin: impl Into<Origin>) -> SessionGuard<S> {
        self.datagrams.fetch_add(1, Ordering::Relaxed);
        self.register(origin.into(), true)
    }

    fn register(self: &Arc<Self>, origin: Origin, datagrams: bool) -> SessionGuard<S> {
        let mut slots = self.slots.lock();
        if let Some(host) = self.counted(&origin, datagrams) {
            *slots.per_host.entry(host).or_default() += 1;
        }
        slots.last_id += 1;
        let shared = SessionShared::new(slots.last_id, origin, Arc::clone(&self.server));
        let index = match slots.free.pop() {
            Some(index) => {
                slots.sessions[index] = Some(Arc::clone(&shared));
                index
            }
            None => {
                slots.sessions.push(Some(Arc::clone(&shared)));
                slots.sessions.len() - 1
            }
        };
        drop(slots);
        SessionGuard { registry: Arc::clone(self), index: index as u32, datagrams, shared }
    }

    /// The host that a session counts for, if per_host are counted.
    fn counted(&self, origin: &Origin, datagrams: bool) -> Option<Host> {
        self.max.per_host.and_then(|_| Some((limit_key(origin.addr()?), datagrams)))
    }

    /// How many sessions there are.
    pub(crate) fn count(&self) -> usize {
        let slots = self.slots.lock();
        slots.sessions.len() - slots.free.len()
    }

    /// How many sessions there are that have not ended: connections that only linger are not
    /// counted.
    pub(crate) fn active_count(&self) -> usize {
        // Under the lock, so that a session that leaves is not seen in one count and missed in the
        // other.
        let slots = self.slots.lock();
        let present = slots.sessions.len() - slots.free.len();
        present.saturating_sub(self.lingering.load(Ordering::Relaxed))
    }

    /// How many of them are of datagrams.
    pub(crate) fn datagram_count(&self) -> usize {
        self.datagrams.load(Ordering::Relaxed)
    }

    /// Waits until [`has_capacity`](Self::has_capacity) returns `true`. For one task at a time.
    pub(crate) async fn wait_for_capacity(&self) {
        while !self.has_capacity() {
            self.session_ended.notified().await;
        }
    }

    /// Releases the capacity of a session that has ended and whose connection is about to linger,
    /// unless too many linger already. From here until its slot is free it is not counted as
    /// served.
    pub(super) fn release_capacity(&self, shared: &SessionShared<S::Response, S::Event>) {
        let one_more = |count: usize| (count < self.max.lingering).then_some(count + 1);
        if self.lingering.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok() {
            shared.release_capacity();
            self.session_ended.notify_one();
        }
    }

    /// The sessions that are being polled right now, each with the number of that poll.
    fn polled_sessions(&self) -> Vec<(StuckSession, u16)> {
        let sessions: Vec<_> = self.slots.lock().sessions.iter().flatten().cloned().collect();
        let stuck = |shared: &SessionShared<_, _>| StuckSession {
            id: shared.id(),
            peer: shared.origin().addr(),
            handler: handler_of::<S>(),
        };
        sessions.iter().filter_map(|shared| Some((stuck(shared), shared.poll()?))).collect()
    }

    /// Logs why a session ends. An error that no hook answers is the reason of its session, so it
    /// is reported here.
    pub(super) fn log_end(&self, reason: &Reason) {
        let rate = match reason.cause() {
            Reason::Decode(_) => &self.malformed,
            Reason::Overload => &self.overloaded,
            cause if cause.should_warn() => return warn!(%reason, "session ends"),
            _ => return debug!(%reason, "session ends"),
        };
        match rate.count(self.server.now()) {
            Some(total) => warn!(%reason, total, "session ends"),
            None => debug!(%reason, "session ends"),
        }
    }

    /// Waits until at most `count` sessions are there. For one task at a time.
    pub(crate) async fn wait_until_at_most(&self, count: usize) {
        while self.count() > count {
            self.session_ended.notified().await;
        }
    }

    /// Moves the stop on to `phase`, and wakes every session.
    pub(crate) fn advance(&self, phase: ShutdownPhase) {
        self.server.set_phase(phase);
        // A session that is added from here on sees the phase at its first poll.
        let sessions: Vec<_> = self.slots.lock().sessions.iter().flatten().cloned().collect();
        sessions.iter().for_each(|shared| shared.wake_driver());
    }

    /// Moves the clock, and wakes the sessions whose deadline has passed.
    pub(crate) fn sweep(&self) {
        self.server.tick();
        let overdue: Vec<_> = {
            let slots = self.slots.lock();
            slots.sessions.iter().flatten().filter(|shared| shared.is_past_deadline()).cloned().collect()
        };
        overdue.iter().for_each(|shared| shared.wake_driver());
    }

    fn leave(&self, index: usize, datagrams: bool, has_released_capacity: bool) {
        let mut slots = self.slots.lock();
        let shared = slots.sessions[index].take();
        slots.free.push(index);
        if has_released_capacity {
            self.lingering.fetch_sub(1, Ordering::Relaxed);
        }
        if let Some(host) = shared.as_ref().and_then(|shared| self.counted(shared.origin(), datagrams)) {
            slots.leave(host);
        }
        // The last session releases the memory that the list has grown to.
        if slots.free.len() == slots.sessions.len() {
            slots.sessions = Vec::new();
            slots.free = Vec::new();
        }
        drop(slots);
        drop(shared);
        if datagrams {
            self.datagrams.fetch_sub(1, Ordering::Relaxed);
        }
        self.session_ended.notify_one();
    }
}

/// Whom a limit of connections from each host counts: an address of IPv4, or the /64 of one of
/// IPv6, because that is the least that one customer of a network has.
pub(crate) fn limit_key(addr: SocketAddr) -> IpAddr {
    match addr.ip().to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
        ip => ip,
    }
}

/// A session that blocks a thread: its handler, or one of its hooks, does not return to the loop,
/// so it cannot be dropped.
///
/// As a rule the thread is one of the loop's, which no other session can use meanwhile. A handler
/// that blocks inside `tokio::task::block_in_place` is named as well, but delays no other session:
/// tokio has put another thread in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StuckSession {
    /// The session's number: [`Peer::id`](portcullis_service::Peer::id).
    pub id: u64,
    /// The address of its peer, if the transport has addresses.
    pub peer: Option<SocketAddr>,
    /// The service and its handler: `Echo::handle`. Of a service with several, all of them:
    /// `Chat::{name, room}`.
    pub handler: String,
}

/// `session 3 with 127.0.0.1:4000: `Echo::handle` blocks a thread`
impl fmt::Display for StuckSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}", self.id)?;
        if let Some(peer) = self.peer {
            write!(f, " with {peer}")?;
        }
        write!(f, ": `{}` blocks a thread", self.handler)
    }
}

fn handler_of<S: Service>() -> String {
    let name = std::any::type_name::<S>();
    // Without the path of the type; those of its parameters stay.
    let end = name.find('<').unwrap_or(name.len());
    let start = name[..end].rfind("::").map_or(0, |at| at + 2);
    let service = &name[start..];
    match S::HANDLERS {
        [] => service.to_owned(),
        [handler] => format!("{service}::{handler}"),
        handlers => format!("{service}::{{{}}}", handlers.join(", ")),
    }
}

/// What a server's sessions are, seen from a thread that is none of its loop's.
pub(crate) trait SessionsView: Send + Sync {
    /// As [`SessionRegistry::active_count`].
    fn active_count(&self) -> usize;
    /// The sessions that are being polled right now, each with the number of that poll.
    fn polled_sessions(&self) -> Vec<(StuckSession, u16)>;
    /// The sessions that have not ended.
    fn peers(&self) -> Vec<AnyPeer>;
    /// Whether the clock of the sessions is very late: then no thread polls the loop's
    /// sockets and timers.
    fn is_clock_late(&self) -> bool;
}

impl<S: Service> SessionsView for SessionRegistry<S> {
    fn active_count(&self) -> usize {
        Self::active_count(self)
    }

    fn polled_sessions(&self) -> Vec<(StuckSession, u16)> {
        Self::polled_sessions(self)
    }

    fn peers(&self) -> Vec<AnyPeer> {
        let slots = self.slots.lock();
        slots.sessions.iter().flatten().filter(|shared| !shared.has_ended()).map(AnyPeer::of).collect()
    }

    fn is_clock_late(&self) -> bool {
        self.server.is_clock_late()
    }
}

/// The sessions that were in the same poll at two looks.
pub(crate) fn find_stuck(
    first: &[(StuckSession, u16)],
    second: Vec<(StuckSession, u16)>,
) -> Vec<StuckSession> {
    second.into_iter().filter(|polled| first.contains(polled)).map(|(session, _)| session).collect()
}

/// A live session. Dropped, it removes the session from the registry.
pub struct SessionGuard<S: Service> {
    registry: Arc<SessionRegistry<S>>,
    // No memory is large enough for more sessions than that. With the flag it is as large as a
    // `usize`.
    index: u32,
    datagrams: bool,
    shared: Arc<SessionShared<S::Response, S::Event>>,
}

impl<S: Service> SessionGuard<S> {
    pub(super) fn shared(&self) -> &Arc<SessionShared<S::Response, S::Event>> {
        &self.shared
    }

    /// A handle on the session.
    pub fn peer(&self) -> Peer<S::Response, S::Event> {
        Peer::of(&self.shared)
    }
}

impl<S: Service> Drop for SessionGuard<S> {
    fn drop(&mut self) {
        self.shared.release_driver();
        self.registry.leave(self.index as usize, self.datagrams, self.shared.has_released_capacity());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s15_peers_that_connect_again_and_again_cause_one_warning_in_each_interval() {
        let rate = WarningRate::default();
        let interval = millis(WARNING_INTERVAL);
        let logged = [0, 0, interval - 1, interval, interval + 1, 3 * interval].map(|now| rate.count(now));
        assert_eq!(logged, [Some(1), None, None, Some(4), None, Some(6)]);
    }

    #[test]
    fn a_host_is_an_address_of_ipv4_or_a_network_of_ipv6() {
        let host = |addr: &str| limit_key(addr.parse().expect("an address"));
        assert_eq!(host("1.2.3.4:5"), host("[::ffff:1.2.3.4]:6"));
        assert_ne!(host("1.2.3.4:5"), host("1.2.3.5:5"));
        assert_eq!(host("[2001:db8::1]:5"), host("[2001:db8::ffff:2]:6"));
        assert_ne!(host("[2001:db8::1]:5"), host("[2001:db8:0:1::1]:5"));
    }
}
