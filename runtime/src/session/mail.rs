//! [`Mail`]: what others leave for one session, and the bell that wakes its driver.
//!
//! Two bounded queues: responses to be sent to the peer, and events for the session's own state machine.
//!
//! # Protocol
//! The driver is either awake (being polled) or asleep. Before each poll it says [`Mail::awake`], afterwards
//! [`Mail::sleep`]; both, and everything that others do here, happen under the post's lock. Whoever changes
//! something sets `news`; if the driver sleeps it is also woken, once: the bell marks it awake. `sleep` refuses
//! while there is news, and the driver looks again. So a change is either seen by the poll that is going on, or
//! wakes the next one, and a driver that sends to itself is not woken for it.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

use super::queue::Queue;
use super::watchers::Watchers;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    /// Takes nothing more; what is queued is still sent. Events are not looked at any more.
    Closing,
    /// Nothing is sent any more.
    Ended,
}

#[derive(Debug)]
pub(super) struct Mail<Rsp, Ev> {
    /// Most sessions are never sent anything, so these are made when they are needed. Then they stay, since their tickets
    /// must go on counting.
    queues: Option<Box<Queues<Rsp, Ev>>>,
    driver: Option<Waker>,
    gate: Gate,
    asleep: bool,
    news: bool,
    /// The driver is being polled right now; and how often it was, for telling one poll from the next.
    polled: bool,
    polls: u16,
    /// The session has given up its place in `max_connections`: its connection only lingers.
    left_place: bool,
}

#[derive(Debug)]
pub(super) struct Queues<Rsp, Ev> {
    pub(super) responses: Queue<Rsp>,
    pub(super) events: Queue<Ev>,
    pub(super) watchers: Watchers,
}

/// What is dropped after the lock is released: dropping it is the user's code.
pub(super) type Dropped<Rsp, Ev> = (VecDeque<Rsp>, VecDeque<Ev>);

impl<Rsp, Ev> Mail<Rsp, Ev> {
    pub(super) fn new() -> Self {
        Self {
            queues: None,
            driver: None,
            gate: Gate::Open,
            asleep: false,
            news: false,
            polled: false,
            polls: 0,
            left_place: false,
        }
    }

    pub(super) fn leave_place(&mut self) {
        self.left_place = true;
    }

    pub(super) fn has_left_place(&self) -> bool {
        self.left_place
    }

    pub(super) fn gate(&self) -> Gate {
        self.gate
    }

    /// Open, and nothing there.
    pub(super) fn is_untouched(&self) -> bool {
        let is_empty = |queues: &Queues<_, _>| queues.responses.len() == 0 && queues.events.len() == 0;
        self.gate == Gate::Open && self.queues.as_deref().is_none_or(is_empty)
    }

    /// How many responses are queued.
    pub(super) fn outgoing(&self) -> usize {
        self.queues.as_ref().map_or(0, |queues| queues.responses.len())
    }

    /// Both queues, to put something into one, or to watch.
    pub(super) fn queues(&mut self) -> &mut Queues<Rsp, Ev> {
        let queues =
            || Queues { responses: Queue::new(), events: Queue::new(), watchers: Watchers::default() };
        self.queues.get_or_insert_with(|| Box::new(queues()))
    }

    /// Both queues, if anything was ever put into one.
    pub(super) fn known(&mut self) -> Option<&mut Queues<Rsp, Ev>> {
        self.queues.as_deref_mut()
    }

    // ---- the driver's side

    pub(super) fn awake(&mut self, waker: &Waker) {
        match &self.driver {
            Some(known) if known.will_wake(waker) => {}
            _ => self.driver = Some(waker.clone()),
        }
        self.asleep = false;
        self.news = false;
        self.polled = true;
        self.polls = self.polls.wrapping_add(1);
    }

    /// The driver returns to its executor, to be polled again soon.
    pub(super) fn yields(&mut self) {
        self.polled = false;
    }

    /// The poll that is going on, if one is.
    pub(super) fn poll(&self) -> Option<u16> {
        self.polled.then_some(self.polls)
    }

    /// There is nobody to wake any more.
    pub(super) fn forget_driver(&mut self) -> Option<Waker> {
        self.driver.take()
    }

    /// Whether the driver may return to its executor; if not, there is news to look at.
    pub(super) fn sleep(&mut self) -> bool {
        if mem::take(&mut self.news) {
            return false;
        }
        if let Some(queues) = &mut self.queues {
            queues.responses.rest();
            queues.events.rest();
        }
        self.asleep = true;
        self.polled = false;
        true
    }

    // ---- everybody's side

    /// Sets the news and returns the driver's waker if it sleeps. To be woken after the lock is released.
    #[must_use]
    pub(super) fn ring(&mut self) -> Option<Waker> {
        self.news = true;
        if mem::take(&mut self.asleep) { self.driver.clone() } else { None }
    }

    /// Closes further; returns whom to wake and what to drop once the lock is released.
    #[must_use]
    pub(super) fn shut(&mut self, gate: Gate) -> (Vec<Waker>, Dropped<Rsp, Ev>) {
        if self.gate == Gate::Ended || self.gate == gate {
            return Default::default();
        }
        self.gate = gate;
        let mut wakers: Vec<_> = self.ring().into_iter().collect();
        let Some(queues) = &mut self.queues else { return (wakers, Default::default()) };
        wakers.extend(queues.responses.putters().chain(queues.events.putters()).chain(queues.watchers.all()));
        let responses = if gate == Gate::Ended { queues.responses.empty() } else { VecDeque::new() };
        (wakers, (responses, queues.events.empty()))
    }
}
