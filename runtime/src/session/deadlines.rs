//! [`Deadlines`]: until when a request must be there, a state be left, and the peer have read.

use std::mem;
use std::time::Duration;

use crate::service::StateLimits;
use crate::service::server_shared::{MAX_TICK, millis};
use crate::service::shared::SessionShared;

/// Points of the server's clock; zero is none, and [`NEVER`] one that counts for nothing. The nearest one is what the
/// session is armed with: the methods say whether it may be another one now.
#[derive(Default)]
pub(super) struct Deadlines {
    /// The server's: to the first request, or idle. Below zero while the wait for a request pauses: a flag beside it
    /// would cost every idle session eight bytes.
    read_by: i64,
    write_by: u64,
    /// Made for the first state that has a limit; most services have none, and an idle session is to be small.
    state: Option<Box<State>>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// The state's `idle`.
    idle_by: u64,
    /// The state's `within`; runs on while handlers do, but only tells between them.
    leave_by: u64,
    /// Its own `idle` counts, and not the server's.
    replaces: bool,
    /// No handler runs, and no request is awaited either: what was answered is not read. `within` counts all the same.
    held_up: bool,
}

pub(super) const NEVER: u64 = i64::MAX.unsigned_abs();

impl Deadlines {
    /// A state is entered: its times begin.
    pub(super) fn enters<Rsp, Ev>(&mut self, shared: &SessionShared<Rsp, Ev>, limits: StateLimits) -> bool {
        let counts = limits != StateLimits::NONE || self.state.is_some();
        if counts {
            let leave_by = limits.within.map_or(0, |limit| shared.server().deadline_after(limit));
            **self.state.get_or_insert_default() = State { leave_by, ..State::default() };
        }
        counts
    }

    /// A request is awaited: its limits count from the first time that this is said, until it is there. Where the server
    /// has none, `idle` is the transport's own.
    pub(super) fn asks<Rsp, Ev>(
        &mut self,
        shared: &SessionShared<Rsp, Ev>,
        served: bool,
        idle: Option<Duration>,
        state: StateLimits,
    ) {
        let server = shared.server();
        let after = |limit: Option<_>| limit.map_or(NEVER, |limit| server.deadline_after(limit).min(NEVER));
        if self.read_by == 0 {
            let limits = server.limits();
            let by = after(if served { limits.idle } else { limits.first_request }.or(idle));
            self.read_by = i64::try_from(by).unwrap_or(i64::MAX);
        }
        self.read_by = self.read_by.abs();
        if state.idle.is_some() || self.state.is_some() {
            let times = self.state.get_or_insert_default();
            if times.idle_by == 0 {
                times.idle_by = after(state.idle);
            }
            // The server's runs on, for a state without one that an event may lead to before the next request.
            times.replaces = served && state.idle.is_some();
        }
    }

    /// Something else is done now; the wait goes on afterwards.
    pub(super) fn pauses(&mut self) -> bool {
        let waits = self.waits();
        if waits {
            self.read_by = -self.read_by;
        }
        waits
    }

    /// The request is there, or awaited no more.
    pub(super) fn asks_no_more(&mut self) -> bool {
        let waited = self.pauses();
        self.read_by = 0;
        if let Some(times) = &mut self.state {
            times.idle_by = 0;
        }
        waited
    }

    /// Whether a request is awaited.
    pub(super) fn waits(&self) -> bool {
        self.read_by > 0
    }

    /// Whether it is the state whose time has passed, and not the server's limit.
    pub(super) fn state_is_over<Rsp, Ev>(&self, shared: &SessionShared<Rsp, Ev>) -> bool {
        let now = shared.server().now();
        let has_passed = |at: u64| at != 0 && at <= now;
        !has_passed(self.server_by())
            && !has_passed(self.write_by)
            && self
                .state
                .as_ref()
                .is_some_and(|times| has_passed(times.idle_by) || has_passed(times.leave_by))
    }

    /// Whether the state should have been left before now; asked between two requests.
    pub(super) fn must_leave<Rsp, Ev>(&self, shared: &SessionShared<Rsp, Ev>) -> bool {
        self.state
            .as_ref()
            .is_some_and(|times| times.leave_by != 0 && times.leave_by <= shared.server().now())
    }

    /// Whether the peer holds the session up, between two handlers.
    pub(super) fn holds_up(&mut self, held_up: bool) -> bool {
        let times = self.state.as_mut().filter(|times| times.held_up != held_up);
        times.map(|times| times.held_up = held_up).is_some()
    }

    fn server_by(&self) -> u64 {
        if self.state.as_ref().is_some_and(|times| times.replaces) { 0 } else { self.read_by.unsigned_abs() }
    }

    /// The peer does not take what is there. Counts until a whole batch is [`written`](Self::written): one that reads a byte
    /// now and then does not renew it.
    pub(super) fn waits_to_write<Rsp, Ev>(&mut self, shared: &SessionShared<Rsp, Ev>) -> bool {
        let begins = self.write_by == 0;
        if begins {
            let server = shared.server();
            self.write_by = server.limits().write.map_or(0, |limit| server.deadline_after(limit));
        }
        begins
    }

    /// The batch is written, or as much as one of a larger response.
    pub(super) fn written(&mut self) -> bool {
        mem::take(&mut self.write_by) != 0
    }

    /// Whether the peer has had its time to read, and did not.
    pub(super) fn is_unread<Rsp, Ev>(&self, shared: &SessionShared<Rsp, Ev>) -> bool {
        self.write_by != 0 && self.write_by <= shared.server().now()
    }

    /// The nearest point that counts now, or [`NEVER`].
    pub(super) fn nearest(&self) -> u64 {
        let or_never = |at| if at == 0 { NEVER } else { at };
        let mut nearest = or_never(self.write_by);
        if self.waits() {
            nearest = nearest.min(or_never(self.server_by()));
        }
        if let Some(state) = &self.state {
            if self.waits() {
                nearest = nearest.min(or_never(state.idle_by)).min(or_never(state.leave_by));
            } else if state.held_up {
                nearest = nearest.min(or_never(state.leave_by));
            }
        }
        nearest
    }
}

/// A coarse point of the server's clock in two bytes, which an idle session has to spare. It comes round after more than an
/// hour: an old stamp may then look like a fresh one, for about two seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp(u16);

impl Stamp {
    /// In milliseconds. Zero stands for "never".
    const UNIT: u64 = 64;

    fn units(millis: u64) -> u16 {
        // Cut off: the stamp comes round.
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
