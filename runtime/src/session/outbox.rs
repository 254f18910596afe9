//! The queue of what is to be sent to one peer, bounded, and the bell that wakes its driver.
//!
//! # Protocol
//! The driver is either awake (being polled) or asleep. Before each poll it says [`Outbox::awake`], afterwards
//! [`Outbox::sleep`]; both, and everything that others do here, happen under the peer's lock. Whoever changes
//! something sets `news`; if the driver sleeps it is also woken, once: the bell marks it awake. `sleep` refuses
//! while there is news, and the driver looks again. So a change is either seen by the poll that is going on, or
//! wakes the next one, and a driver that sends to itself is not woken for it.
//!
//! A sender that finds the queue full leaves its response in `waiting`, in order of arrival, and keeps the
//! ticket. The driver moves responses over as the queue empties, so that no wake-up can be lost or overtaken.
//! A sender that is dropped takes its response back; after the end every sender does.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    /// Takes nothing more; what is queued is still sent.
    Closing,
    /// Nothing is sent any more.
    Ended,
}

#[derive(Debug)]
struct Waiting<Rsp> {
    ticket: u64,
    response: Rsp,
    sender: Waker,
}

/// Most peers are never sent anything, so this is made when it is needed.
#[derive(Debug)]
struct Queue<Rsp> {
    ready: VecDeque<Rsp>,
    waiting: VecDeque<Waiting<Rsp>>,
    tickets: u64,
}

#[derive(Debug)]
pub(super) struct Outbox<Rsp> {
    queue: Option<Box<Queue<Rsp>>>,
    driver: Option<Waker>,
    bound: u32,
    gate: Gate,
    asleep: bool,
    news: bool,
}

/// An idle session keeps a queue of no more than this many bytes.
const KEPT: usize = 512;

impl<Rsp> Outbox<Rsp> {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            queue: None,
            driver: None,
            bound: u32::try_from(bound).unwrap_or(u32::MAX).max(1),
            gate: Gate::Open,
            asleep: false,
            news: false,
        }
    }

    pub(super) fn gate(&self) -> Gate {
        self.gate
    }

    /// Open, and nothing to send.
    pub(super) fn is_untouched(&self) -> bool {
        self.len() == 0 && self.gate == Gate::Open
    }

    pub(super) fn len(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.ready.len())
    }

    // ---- the driver's side

    pub(super) fn awake(&mut self, waker: &Waker) {
        match &self.driver {
            Some(known) if known.will_wake(waker) => {}
            _ => self.driver = Some(waker.clone()),
        }
        self.asleep = false;
        self.news = false;
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
        // The tickets must go on counting, so the box itself stays.
        if let Some(queue) = self.queue.as_mut().filter(|queue| queue.ready.is_empty()) {
            if queue.ready.capacity() * size_of::<Rsp>() > KEPT {
                queue.ready = VecDeque::new();
            }
        }
        self.asleep = true;
        true
    }

    /// The next response to write, and the sender to wake whose response took its place.
    pub(super) fn pop(&mut self) -> Option<(Rsp, Option<Waker>)> {
        let queue = self.queue.as_mut()?;
        let response = queue.ready.pop_front()?;
        let sender = queue.waiting.pop_front().map(|next| {
            queue.ready.push_back(next.response);
            next.sender
        });
        Some((response, sender))
    }

    // ---- everybody's side

    /// Sets the news and returns the driver's waker if it sleeps. To be woken after the lock is released.
    #[must_use]
    pub(super) fn ring(&mut self) -> Option<Waker> {
        self.news = true;
        if mem::take(&mut self.asleep) { self.driver.clone() } else { None }
    }

    pub(super) fn has_room(&self) -> bool {
        let Some(queue) = &self.queue else { return true };
        queue.ready.len() < self.bound as usize && queue.waiting.is_empty()
    }

    /// Only if there [is room](Self::has_room).
    #[must_use]
    pub(super) fn push(&mut self, response: Rsp) -> Option<Waker> {
        self.queue().ready.push_back(response);
        self.ring()
    }

    pub(super) fn wait(&mut self, response: Rsp, sender: Waker) -> u64 {
        let queue = self.queue();
        let ticket = queue.tickets;
        queue.tickets += 1;
        queue.waiting.push_back(Waiting { ticket, response, sender });
        ticket
    }

    fn queue(&mut self) -> &mut Queue<Rsp> {
        self.queue.get_or_insert_with(|| {
            Box::new(Queue { ready: VecDeque::new(), waiting: VecDeque::new(), tickets: 0 })
        })
    }

    fn find(&mut self, ticket: u64) -> Option<(usize, &mut VecDeque<Waiting<Rsp>>)> {
        let waiting = &mut self.queue.as_mut()?.waiting;
        let at = waiting.binary_search_by_key(&ticket, |waiting| waiting.ticket).ok()?;
        Some((at, waiting))
    }

    /// Whether the response of `ticket` still waits; if so `sender` is who is woken for it.
    pub(super) fn still_waits(&mut self, ticket: u64, sender: &Waker) -> bool {
        let Some((at, waiting)) = self.find(ticket) else { return false };
        waiting[at].sender.clone_from(sender);
        true
    }

    pub(super) fn take_back(&mut self, ticket: u64) -> Option<Rsp> {
        let (at, waiting) = self.find(ticket)?;
        waiting.remove(at).map(|waiting| waiting.response)
    }

    /// Closes further; returns whom to wake and what to drop once the lock is released.
    #[must_use]
    pub(super) fn shut(&mut self, gate: Gate) -> (Vec<Waker>, VecDeque<Rsp>) {
        if self.gate == Gate::Ended || self.gate == gate {
            return Default::default();
        }
        self.gate = gate;
        let waiting = self.queue.iter().flat_map(|queue| &queue.waiting);
        let mut wakers: Vec<_> = waiting.map(|waiting| waiting.sender.clone()).collect();
        wakers.extend(self.ring());
        // Not those that wait: their senders take them back.
        let queue = self.queue.as_mut().filter(|_| gate == Gate::Ended);
        (wakers, queue.map(|queue| mem::take(&mut queue.ready)).unwrap_or_default())
    }
}
