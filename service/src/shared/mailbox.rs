//! [`Mailbox`]: what others leave for one session, and the waker of its driver.
//!
//! Two bounded queues: responses to be sent to the peer, and events for the session's own state
//! machine.
//!
//! # Protocol
//! The driver is either being polled or parked. Before each poll it calls [`Mailbox::begin_poll`],
//! afterwards [`Mailbox::try_park`]. Everything here happens under the lock of
//! [`SessionShared`](super::SessionShared).
//!
//! | call | `changed` | `parked` | returns |
//! |---|---|---|---|
//! | `begin_poll` | false | false | |
//! | `notify` (others, after each change) | true | false | the driver's waker, if the driver was parked |
//! | `try_park`, `changed` is false | false | true | true: the driver returns `Pending` |
//! | `try_park`, `changed` is true | false | false | false: the driver looks again |
//!
//! So a change is either seen by the poll that is going on or wakes the driver once, and a driver
//! that sends to itself is not woken for that.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

use super::closed::Waiters;
use super::queue::BoundedQueue;
use crate::encoded::QueuedResponse;
use crate::{By, Reason};

/// The session has something to do: the mailbox holds something, or is about to close or to shut
/// down.
pub(super) const DIRTY: u8 = 1;
/// No more responses are taken.
pub(super) const SEND_CLOSED: u8 = 1 << 1;
/// The session has ended or is closing: no more events are taken either.
pub(super) const CLOSING: u8 = 1 << 2;
/// Queued responses are dropped.
const DISCARDS: u8 = 1 << 3;
/// The session was aborted.
pub(super) const ABORTED: u8 = 1 << 4;
pub(super) const FLAG_BITS: u32 = 5;

/// What a session still takes from its peers, as the flags that hold in that state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum SendState {
    /// Takes responses and events.
    Open = 0,
    /// By [`Peer::shutdown_write`](crate::Peer::shutdown_write): takes no more responses. Those
    /// that are queued are still sent; then the driver shuts down the writing side. Takes events.
    ShuttingDown = SEND_CLOSED | DIRTY,
    /// The writing side of the connection is shut down. Takes events.
    ShutDown = SEND_CLOSED,
    /// Takes nothing more; what is queued is still sent. Events are not looked at any more.
    Closing = CLOSING | SEND_CLOSED | DIRTY,
    /// Nothing is sent any more.
    Closed = DISCARDS | CLOSING | SEND_CLOSED | DIRTY,
    /// As `Closed`, by [`Peer::abort`](crate::Peer::abort): the driver ends the session at once.
    Aborted = ABORTED | DISCARDS | CLOSING | SEND_CLOSED | DIRTY,
}

impl SendState {
    fn has(self, flag: u8) -> bool {
        self as u8 & flag != 0
    }

    /// Whether responses may be queued.
    pub(crate) fn takes_responses(self) -> bool {
        !self.has(SEND_CLOSED)
    }

    /// Whether events may be queued: the session is neither closing nor closed.
    pub(crate) fn takes_events(self) -> bool {
        !self.has(CLOSING)
    }

    /// Whether queued responses are dropped. Such a state is never left.
    pub(crate) fn discards_responses(self) -> bool {
        self.has(DISCARDS)
    }
}

/// The queues of a session, and what its driver waits for.
#[derive(Debug)]
pub(crate) struct Mailbox<Rsp, Ev> {
    /// Most sessions are never sent anything, so these are made when they are needed. Once a task
    /// has waited, they stay, since the ids of their waiters must go on counting.
    queues: Option<Box<Queues<Rsp, Ev>>>,
    driver: Option<Waker>,
    send_state: SendState,
    parked: bool,
    changed: bool,
    /// The driver is being polled right now; and how often it was, for telling one poll from the
    /// next.
    polled: bool,
    polls: u16,
    /// The session has given up its place in `max_connections`: its connection only lingers.
    left_place: bool,
    /// The session has ended, and its last hook has run.
    ended: bool,
}

#[derive(Debug)]
pub(crate) struct Queues<Rsp, Ev> {
    pub(crate) responses: BoundedQueue<QueuedResponse<Rsp>>,
    pub(crate) events: BoundedQueue<Ev>,
    pub(crate) close_waiters: Waiters,
    pub(crate) end_waiters: Waiters,
    /// The sessions that have filled a queue half, and wait until this session has run.
    pub(crate) relief_waiters: Waiters,
    /// The reason that the first close gave, if it was not [`Peer::close`](crate::Peer::close).
    close_reason: Option<Reason>,
}

impl<Rsp, Ev> Queues<Rsp, Ev> {
    fn is_half_full(&self) -> bool {
        self.responses.is_half_full() || self.events.is_half_full()
    }
}

/// What is dropped after the lock is released: dropping it is the user's code.
pub(crate) type Discarded<Rsp, Ev> = (VecDeque<QueuedResponse<Rsp>>, VecDeque<Ev>);

impl<Rsp, Ev> Mailbox<Rsp, Ev> {
    pub(crate) fn new() -> Self {
        Self {
            queues: None,
            driver: None,
            send_state: SendState::Open,
            parked: false,
            changed: false,
            polled: false,
            polls: 0,
            left_place: false,
            ended: false,
        }
    }

    pub(crate) fn release_capacity(&mut self) {
        self.left_place = true;
    }

    pub(crate) fn has_released_capacity(&self) -> bool {
        self.left_place
    }

    pub(crate) fn send_state(&self) -> SendState {
        self.send_state
    }

    /// The flags that hold now.
    pub(super) fn flags(&self) -> u8 {
        let is_empty =
            |queues: &Queues<_, _>| queues.responses.ready_len() == 0 && queues.events.ready_len() == 0;
        let holds_items = !self.queues.as_deref().is_none_or(is_empty);
        self.send_state as u8 | if holds_items { DIRTY } else { 0 }
    }

    /// How many responses are queued.
    pub(crate) fn queued_responses(&self) -> usize {
        self.queues.as_ref().map_or(0, |queues| queues.responses.ready_len())
    }

    /// How many events are queued.
    pub(crate) fn queued_events(&self) -> usize {
        self.queues.as_ref().map_or(0, |queues| queues.events.ready_len())
    }

    /// Both queues and the tasks that wait for the end; made by the first call.
    pub(crate) fn queues(&mut self) -> &mut Queues<Rsp, Ev> {
        let queues = || Queues {
            responses: BoundedQueue::new(),
            events: BoundedQueue::new(),
            close_waiters: Waiters::default(),
            end_waiters: Waiters::default(),
            relief_waiters: Waiters::default(),
            close_reason: None,
        };
        self.queues.get_or_insert_with(|| Box::new(queues()))
    }

    /// As [`queues`](Self::queues), if they were made before.
    pub(crate) fn existing_queues(&mut self) -> Option<&mut Queues<Rsp, Ev>> {
        self.queues.as_deref_mut()
    }

    // ---- the driver's side

    /// Releases the memory of queues that hold nothing. Those in which a task has ever waited stay.
    pub(crate) fn release_queues(&mut self) {
        let is_unused = |queues: &Queues<Rsp, Ev>| {
            queues.responses.is_unused()
                && queues.events.is_unused()
                && queues.close_waiters.is_unused()
                && queues.end_waiters.is_unused()
                && queues.relief_waiters.is_unused()
        };
        if self.send_state == SendState::Open {
            self.queues.take_if(|queues| is_unused(queues));
        }
    }

    /// The driver is about to look at everything.
    pub(crate) fn begin_poll(&mut self, waker: &Waker) {
        match &self.driver {
            Some(known) if known.will_wake(waker) => {}
            _ => self.driver = Some(waker.clone()),
        }
        self.parked = false;
        self.changed = false;
        self.polled = true;
        self.polls = self.polls.wrapping_add(1);
    }

    /// The driver returns to its executor, to be polled again soon.
    pub(crate) fn end_poll(&mut self) {
        self.polled = false;
    }

    /// The poll that is going on, if one is.
    pub(crate) fn poll(&self) -> Option<u16> {
        self.polled.then_some(self.polls)
    }

    /// The driver was dropped: its waker, to be dropped after the lock is released.
    pub(crate) fn forget_driver(&mut self) -> Option<Waker> {
        self.driver.take()
    }

    /// Whether the driver may return to its executor; if not, something has changed, and it looks
    /// again. Also returns the tasks to wake after the lock is released.
    pub(crate) fn try_park(&mut self) -> (bool, Option<impl Iterator<Item = Waker> + use<Rsp, Ev>>) {
        if mem::take(&mut self.changed) {
            return (false, None);
        }
        if let Some(queues) = &mut self.queues {
            queues.responses.shrink();
            queues.events.shrink();
        }
        self.parked = true;
        self.polled = false;
        (true, self.queues.as_mut().and_then(|queues| queues.relief_waiters.take_if_any()))
    }

    /// Whether the driver has work that it will do soon, and a queue that is half full.
    pub(crate) fn is_congested(&self) -> bool {
        let is_awake = !self.parked && self.driver.is_some();
        is_awake
            && self.send_state.takes_events()
            && self.queues.as_ref().is_some_and(|queues| queues.is_half_full())
    }

    /// The sessions to wake after the lock is released, if no queue is half full any more.
    pub(crate) fn relieved(&mut self) -> Option<impl Iterator<Item = Waker> + use<Rsp, Ev>> {
        let queues = self.queues.as_mut()?;
        if queues.is_half_full() { None } else { queues.relief_waiters.take_if_any() }
    }

    /// Notes that the session has ended. Returns the tasks to wake once the lock is released.
    #[must_use]
    pub(crate) fn mark_ended(&mut self) -> Vec<Waker> {
        self.ended = true;
        self.queues.as_mut().map_or_else(Vec::new, |queues| queues.end_waiters.take_all().collect())
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The reason of a session that was closed.
    pub(crate) fn close_reason(&self) -> Reason {
        self.queues
            .as_ref()
            .and_then(|queues| queues.close_reason.clone())
            .unwrap_or(Reason::Closed(By::Close))
    }

    // ---- everybody's side

    /// Notes a change and returns the driver's waker if it is parked. To be woken after the lock is
    /// released.
    #[must_use]
    pub(crate) fn notify(&mut self) -> Option<Waker> {
        self.changed = true;
        if mem::take(&mut self.parked) { self.driver.clone() } else { None }
    }

    /// Takes no more responses. Returns the tasks to wake after the lock is released.
    #[must_use]
    pub(crate) fn shutdown_write(&mut self) -> Vec<Waker> {
        if self.send_state != SendState::Open {
            return Vec::new();
        }
        self.send_state = SendState::ShuttingDown;
        let mut wakers: Vec<_> = self.notify().into_iter().collect();
        if let Some(queues) = &mut self.queues {
            wakers.extend(queues.responses.blocked_senders().chain(queues.close_waiters.take_all()));
        }
        wakers
    }

    /// Whether the driver is to shut down the writing side now: all responses have been taken.
    pub(crate) fn is_shutdown_due(&self) -> bool {
        self.send_state == SendState::ShuttingDown && self.queued_responses() == 0
    }

    /// The writing side is shut down.
    pub(crate) fn mark_shut_down(&mut self) {
        if self.send_state == SendState::ShuttingDown {
            self.send_state = SendState::ShutDown;
        }
    }

    /// Moves on to `send_state`, never back. `reason` is kept if the session was not closed before.
    /// Returns the tasks to wake and the items to drop after the lock is released.
    #[must_use]
    pub(crate) fn close(
        &mut self,
        send_state: SendState,
        reason: Option<Reason>,
    ) -> (Vec<Waker>, Discarded<Rsp, Ev>) {
        if self.send_state.discards_responses() || self.send_state == send_state {
            return Default::default();
        }
        if self.send_state.takes_events() && reason.is_some() {
            self.queues().close_reason = reason;
        }
        self.send_state = send_state;
        let mut wakers: Vec<_> = self.notify().into_iter().collect();
        let Some(queues) = &mut self.queues else { return (wakers, Default::default()) };
        wakers.extend(
            queues
                .responses
                .blocked_senders()
                .chain(queues.events.blocked_senders())
                .chain(queues.close_waiters.take_all())
                .chain(queues.relief_waiters.take_all()),
        );
        let responses =
            if send_state.discards_responses() { queues.responses.drain() } else { VecDeque::new() };
        (wakers, (responses, queues.events.drain()))
    }
}
