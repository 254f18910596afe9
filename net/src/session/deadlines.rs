//! [`Deadlines`]: until when a request must be complete, a state be left, and the peer have read.

use std::mem;
use std::time::Duration;

use crate::service::internal::{MAX_TICK, ServerShared, SessionShared, millis};
use crate::service::{Limit, StateLimits};

/// The deadlines of one session, as points of the server's clock. Zero is none, and [`NEVER`] is
/// one that does not count. The session is armed with the nearest one: methods that return a
/// boolean return whether that may have changed.
#[derive(Default)]
pub(super) struct Deadlines {
    /// The server's limit of the wait for a request: the first one, or idle. Negative while the
    /// wait is paused: a flag beside it would cost every idle session eight bytes.
    read_deadline: i64,
    write_deadline: u64,
    /// Allocated for the first state that has a limit. Most services have none.
    state: Option<Box<StateDeadlines>>,
}

#[derive(Clone, Copy, Default)]
struct StateDeadlines {
    /// The state's `idle`.
    idle_deadline: u64,
    /// The state's `max_duration`. Goes on while handlers run, and takes effect between them.
    state_deadline: u64,
    /// The state's `idle` in milliseconds; zero is none.
    idle_millis: u32,
    /// The state's `idle` counts, and not the server's.
    overrides_server_idle: bool,
    /// No handler runs and no request is awaited, because the peer has not read its answers.
    blocked_on_write: bool,
}

pub(super) const NEVER: u64 = i64::MAX.unsigned_abs();

fn deadline_after(server: &ServerShared, limit: Option<Duration>) -> u64 {
    limit.map_or(NEVER, |limit| server.deadline_after(limit).min(NEVER))
}

impl Deadlines {
    /// Starts the limits of a state.
    pub(super) fn enter_state<Rsp, Ev>(
        &mut self,
        shared: &SessionShared<Rsp, Ev>,
        limits: StateLimits,
    ) -> bool {
        let counts = limits != StateLimits::NONE || self.state.is_some();
        if counts {
            let server = shared.server();
            limits.max_duration.into_iter().for_each(|limit| server.refine_tick(limit));
            let state_deadline = limits.max_duration.map_or(0, |limit| server.deadline_after(limit));
            **self.state.get_or_insert_default() =
                StateDeadlines { state_deadline, ..StateDeadlines::default() };
        }
        counts
    }

    /// Starts the limits of a wait for a request, or continues them. `idle` is the transport's own
    /// limit, for servers that have none.
    pub(super) fn begin_read_wait<Rsp, Ev>(
        &mut self,
        shared: &SessionShared<Rsp, Ev>,
        had_request: bool,
        idle: Option<Duration>,
        state: StateLimits,
    ) {
        let server = shared.server();
        if self.read_deadline == 0 || self.has_no_read_deadline() {
            let limits = server.limits();
            let limit = if had_request { limits.idle } else { limits.first_request }.or(idle);
            self.set_read_deadline(deadline_after(server, limit));
        }
        self.read_deadline = self.read_deadline.abs();
        self.begin_state_idle(server, state);
        if let Some(deadlines) = &mut self.state {
            // The server's limit goes on: an event may lead to a state without one before the next
            // request.
            deadlines.overrides_server_idle = had_request && state.idle.is_some();
        }
    }

    /// Starts the limits of a wait for an event, or continues them. The server's limits are those
    /// of a wait for a request, so they do not count, and begin anew afterwards.
    pub(super) fn begin_event_wait<Rsp, Ev>(&mut self, shared: &SessionShared<Rsp, Ev>, state: StateLimits) {
        self.set_read_deadline(NEVER);
        self.begin_state_idle(shared.server(), state);
    }

    /// Starts the state's `idle` limit, unless it has begun.
    fn begin_state_idle(&mut self, server: &ServerShared, state: StateLimits) {
        if state.idle.is_some() || self.state.is_some() {
            let deadlines = self.state.get_or_insert_default();
            if deadlines.idle_deadline == 0 {
                state.idle.into_iter().for_each(|limit| server.refine_tick(limit));
                deadlines.idle_deadline = deadline_after(server, state.idle);
                deadlines.idle_millis =
                    state.idle.map_or(0, |idle| u32::try_from(millis(idle)).unwrap_or(u32::MAX));
            }
        }
    }

    /// Whether the server has no limit for the present wait.
    fn has_no_read_deadline(&self) -> bool {
        self.read_deadline.unsigned_abs() == NEVER
    }

    /// Starts the idle limits anew, if a request is awaited.
    pub(super) fn restart_idle<Rsp, Ev>(&mut self, shared: &SessionShared<Rsp, Ev>, idle: Option<Duration>) {
        if !self.waits() {
            return;
        }
        let server = shared.server();
        if !self.has_no_read_deadline() {
            self.set_read_deadline(deadline_after(server, server.limits().idle.or(idle)));
        }
        if let Some(deadlines) = self.state.as_mut().filter(|deadlines| deadlines.idle_millis != 0) {
            deadlines.idle_deadline =
                server.deadline_after(Duration::from_millis(deadlines.idle_millis.into()));
        }
    }

    fn set_read_deadline(&mut self, deadline: u64) {
        self.read_deadline = i64::try_from(deadline).unwrap_or(i64::MAX);
    }

    /// Pauses the wait for a request while something else is done.
    pub(super) fn pause_read_wait(&mut self) -> bool {
        let waits = self.waits();
        if waits {
            self.read_deadline = -self.read_deadline;
        }
        waits
    }

    /// Ends the wait for a request.
    pub(super) fn end_read_wait(&mut self) -> bool {
        let waited = self.pause_read_wait();
        self.read_deadline = 0;
        self.restart_state_idle();
        waited
    }

    /// Has the state's `idle` limit begin anew with the next wait.
    pub(super) fn restart_state_idle(&mut self) {
        if let Some(deadlines) = &mut self.state {
            deadlines.idle_deadline = 0;
        }
    }

    /// Returns whether a request is awaited.
    pub(super) fn waits(&self) -> bool {
        self.read_deadline > 0
    }

    /// Returns the limit of the state that has passed, if none of the server has.
    pub(super) fn passed_state_limit<Rsp, Ev>(&self, shared: &SessionShared<Rsp, Ev>) -> Option<Limit> {
        let now = shared.server().now();
        let has_passed = |at: u64| at != 0 && at <= now;
        if has_passed(self.server_read_deadline()) || has_passed(self.write_deadline) {
            return None;
        }
        let StateDeadlines { idle_deadline, state_deadline, .. } = **self.state.as_ref()?;
        let limits = [(idle_deadline, Limit::Idle), (state_deadline, Limit::MaxDuration)];
        limits.into_iter().filter(|(at, _)| has_passed(*at)).min_by_key(|(at, _)| *at).map(|(_, limit)| limit)
    }

    /// Returns whether the state's `max_duration` has passed. Asked between two requests.
    pub(super) fn state_expired<Rsp, Ev>(&self, shared: &SessionShared<Rsp, Ev>) -> bool {
        self.state.as_ref().is_some_and(|deadlines| {
            deadlines.state_deadline != 0 && deadlines.state_deadline <= shared.server().now()
        })
    }

    /// Notes whether the session can do nothing before the peer reads.
    pub(super) fn set_blocked_on_write(&mut self, blocked: bool) -> bool {
        let deadlines = self.state.as_mut().filter(|deadlines| deadlines.blocked_on_write != blocked);
        deadlines.map(|deadlines| deadlines.blocked_on_write = blocked).is_some()
    }

    fn server_read_deadline(&self) -> u64 {
        if self.state.as_ref().is_some_and(|deadlines| deadlines.overrides_server_idle) {
            0
        } else {
            self.read_deadline.unsigned_abs()
        }
    }

    /// Starts the limit of a wait for the peer to read, unless it has begun. It counts until a
    /// whole batch [is written](Self::end_write_wait): a peer that reads a byte now and then does
    /// not restart it.
    pub(super) fn begin_write_wait<Rsp, Ev>(&mut self, shared: &SessionShared<Rsp, Ev>) -> bool {
        let begins = self.write_deadline == 0;
        if begins {
            let server = shared.server();
            self.write_deadline = deadline_after(server, server.limits().write);
        }
        begins
    }

    /// Ends the wait for the peer to read. Returns whether there was one.
    pub(super) fn end_write_wait(&mut self) -> bool {
        mem::take(&mut self.write_deadline) != 0
    }

    /// Returns whether the peer has not read in time.
    pub(super) fn write_timed_out<Rsp, Ev>(&self, shared: &SessionShared<Rsp, Ev>) -> bool {
        self.write_deadline != 0 && self.write_deadline <= shared.server().now()
    }

    /// Returns the nearest deadline that counts now and its limit, or [`NEVER`] and any.
    pub(super) fn nearest(&self, had_request: bool) -> (u64, Limit) {
        let mut nearest = (NEVER, Limit::Write);
        let mut add = |at: u64, limit| {
            if at != 0 && at < nearest.0 {
                nearest = (at, limit);
            }
        };
        add(self.write_deadline, Limit::Write);
        if self.waits() {
            let limit = if had_request { Limit::Idle } else { Limit::FirstRequest };
            add(self.server_read_deadline(), limit);
        }
        if let Some(state) = &self.state {
            if self.waits() {
                add(state.idle_deadline, Limit::Idle);
            }
            if self.waits() || state.blocked_on_write {
                add(state.state_deadline, Limit::MaxDuration);
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

    /// A point of the coarse clock, which may be late by one tick.
    pub(super) fn at(now: u64) -> Self {
        Self(Self::units(now))
    }

    /// Whether the stamp is no older than `age`, give or take a tick.
    pub(super) fn is_within(self, age: Duration, now: u64) -> bool {
        let age = Self::units(millis(age + MAX_TICK)) + 1;
        self.0 != 0 && Self::units(now).wrapping_sub(self.0) <= age
    }
}
