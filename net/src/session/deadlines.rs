//! [`Deadlines`]: until when a request must be there, a state be left, and the peer have read.

use std::mem;
use std::time::Duration;

use crate::service::StateLimits;
use crate::service::internal::{MAX_TICK, SessionShared, millis};

/// Points of the server's clock; zero is none, and [`NEVER`] one that counts for nothing. The
/// nearest one is what the session is armed with: the methods say whether it may be another one
/// now.
#[derive(Default)]
pub(super) struct Deadlines {
    /// The server's: to the first request, or idle. Below zero while the wait for a request pauses:
    /// a flag beside it would cost every idle session eight bytes.
    read_deadline: i64,
    write_deadline: u64,
    /// Made for the first state that has a limit; most services have none, and an idle session is
    /// to be small.
    state: Option<Box<StateDeadlines>>,
}

#[derive(Clone, Copy, Default)]
struct StateDeadlines {
    /// The state's `idle`.
    idle_deadline: u64,
    /// The state's `within`; runs on while handlers do, but only tells between them.
    state_deadline: u64,
    /// Its own `idle` counts, and not the server's.
    overrides_server_idle: bool,
    /// No handler runs, and no request is awaited either: what was answered is not read. `within`
    /// counts all the same.
    blocked_on_write: bool,
}

pub(super) const NEVER: u64 = i64::MAX.unsigned_abs();

impl Deadlines {
    /// A state is entered: its times begin.
    pub(super) fn enter_state<Rsp, Ev>(
        &mut self,
        shared: &SessionShared<Rsp, Ev>,
        limits: StateLimits,
    ) -> bool {
        let counts = limits != StateLimits::NONE || self.state.is_some();
        if counts {
            let state_deadline = limits.max_duration.map_or(0, |limit| shared.server().deadline_after(limit));
            **self.state.get_or_insert_default() =
                StateDeadlines { state_deadline, ..StateDeadlines::default() };
        }
        counts
    }

    /// A request is awaited: its limits count from the first time that this is said, until it is
    /// there. Where the server has none, `idle` is the transport's own.
    pub(super) fn begin_read_wait<Rsp, Ev>(
        &mut self,
        shared: &SessionShared<Rsp, Ev>,
        had_request: bool,
        idle: Option<Duration>,
        state: StateLimits,
    ) {
        let server = shared.server();
        let after = |limit: Option<_>| limit.map_or(NEVER, |limit| server.deadline_after(limit).min(NEVER));
        if self.read_deadline == 0 {
            let limits = server.limits();
            let by = after(if had_request { limits.idle } else { limits.first_request }.or(idle));
            self.read_deadline = i64::try_from(by).unwrap_or(i64::MAX);
        }
        self.read_deadline = self.read_deadline.abs();
        if state.idle.is_some() || self.state.is_some() {
            let times = self.state.get_or_insert_default();
            if times.idle_deadline == 0 {
                times.idle_deadline = after(state.idle);
            }
            // The server's runs on, for a state without one that an event may lead to before the
            // next request.
            times.overrides_server_idle = had_request && state.idle.is_some();
        }
    }

    /// Something else is done now; the wait goes on afterwards.
    pub(super) fn pause_read_wait(&mut self) -> bool {
        let waits = self.waits();
        if waits {
            self.read_deadline = -self.read_deadline;
        }
        waits
    }

    /// The request is there, or awaited no more.
    pub(super) fn end_read_wait(&mut self) -> bool {
        let waited = self.pause_read_wait();
        self.read_deadline = 0;
        if let Some(times) = &mut self.state {
            times.idle_deadline = 0;
        }
        waited
    }

    /// Whether a request is awaited.
    pub(super) fn waits(&self) -> bool {
        self.read_deadline > 0
    }

    /// Whether it is the state whose time has passed, and not the server's limit.
    pub(super) fn state_timed_out<Rsp, Ev>(&self, shared: &SessionShared<Rsp, Ev>) -> bool {
        let now = shared.server().now();
        let has_passed = |at: u64| at != 0 && at <= now;
        !has_passed(self.server_read_deadline())
            && !has_passed(self.write_deadline)
            && self
                .state
                .as_ref()
                .is_some_and(|times| has_passed(times.idle_deadline) || has_passed(times.state_deadline))
    }

    /// Whether the state should have been left before now; asked between two requests.
    pub(super) fn state_expired<Rsp, Ev>(&self, shared: &SessionShared<Rsp, Ev>) -> bool {
        self.state
            .as_ref()
            .is_some_and(|times| times.state_deadline != 0 && times.state_deadline <= shared.server().now())
    }

    /// Whether the peer holds the session up, between two handlers.
    pub(super) fn set_blocked_on_write(&mut self, blocked_on_write: bool) -> bool {
        let times = self.state.as_mut().filter(|times| times.blocked_on_write != blocked_on_write);
        times.map(|times| times.blocked_on_write = blocked_on_write).is_some()
    }

    fn server_read_deadline(&self) -> u64 {
        if self.state.as_ref().is_some_and(|times| times.overrides_server_idle) {
            0
        } else {
            self.read_deadline.unsigned_abs()
        }
    }

    /// The peer does not take what is there. Counts until a whole batch is
    /// [written](Self::end_write_wait): a peer that reads a byte now and then does not renew it.
    pub(super) fn begin_write_wait<Rsp, Ev>(&mut self, shared: &SessionShared<Rsp, Ev>) -> bool {
        let begins = self.write_deadline == 0;
        if begins {
            let server = shared.server();
            self.write_deadline = server.limits().write.map_or(0, |limit| server.deadline_after(limit));
        }
        begins
    }

    /// The batch is written, or as much as one of a larger response.
    pub(super) fn end_write_wait(&mut self) -> bool {
        mem::take(&mut self.write_deadline) != 0
    }

    /// Whether the peer has had its time to read, and did not.
    pub(super) fn write_timed_out<Rsp, Ev>(&self, shared: &SessionShared<Rsp, Ev>) -> bool {
        self.write_deadline != 0 && self.write_deadline <= shared.server().now()
    }

    /// The nearest point that counts now, or [`NEVER`].
    pub(super) fn nearest(&self) -> u64 {
        let or_never = |at| if at == 0 { NEVER } else { at };
        let mut nearest = or_never(self.write_deadline);
        if self.waits() {
            nearest = nearest.min(or_never(self.server_read_deadline()));
        }
        if let Some(state) = &self.state {
            if self.waits() {
                nearest = nearest.min(or_never(state.idle_deadline)).min(or_never(state.state_deadline));
            } else if state.blocked_on_write {
                nearest = nearest.min(or_never(state.state_deadline));
            }
        }
        nearest
    }
}

/// A coarse point of the server's clock in two bytes, which an idle session has to spare. It comes
/// round after more than an hour: an old stamp may then look like a fresh one, for about two
/// seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp(u16);

impl Stamp {
    /// In milliseconds. Zero stands for "never".
    const UNIT: u64 = 64;

    fn units(millis: u64) -> u16 {
        // Truncated: the stamp comes round.
        ((millis / Self::UNIT) as u16).max(1)
    }

    /// A point of the coarse clock, which may be behind by one tick.
    pub(super) fn at(now: u64) -> Self {
        Self(Self::units(now))
    }

    /// Whether the stamp is no older than `age`, give or take a tick.
    pub(super) fn is_within(self, age: Duration, now: u64) -> bool {
        let age = Self::units(millis(age + MAX_TICK)) + 1;
        self.0 != 0 && Self::units(now).wrapping_sub(self.0) <= age
    }
}
