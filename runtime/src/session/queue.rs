//! [`Queue`]: a bounded queue whose putters wait their turn.
//!
//! Whoever finds it full leaves the item in `waiting`, in order of arrival, and keeps the ticket. As the queue empties,
//! items are moved over, so that no wake-up can be lost or overtaken. Whoever goes away takes the item back, and at
//! the end all do. It is bounded by the count of its items, and by their weight where they have one. Everything here happens under the lock of the [`Mail`](super::mail::Mail) it is part of.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

#[derive(Debug)]
pub(super) struct Queue<T> {
    ready: VecDeque<T>,
    /// Of each that is ready, if they are weighed; their sum; and what that may be.
    weights: VecDeque<usize>,
    weight: usize,
    most: usize,
    waiting: VecDeque<Waiting<T>>,
    tickets: u64,
}

/// What an item that is to be put adds to its queue, and how much that may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// How many items there may be.
    pub(super) count: usize,
    /// The item's weight and what all may weigh together; `None` if they are not weighed. The same in each call.
    pub(super) weight: Option<(usize, usize)>,
}

#[derive(Debug)]
struct Waiting<T> {
    ticket: u64,
    item: T,
    weight: Option<usize>,
    putter: Waker,
}

/// An idle session keeps a queue of no more than this many bytes.
const KEPT: usize = 512;

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self {
            ready: VecDeque::new(),
            weights: VecDeque::new(),
            weight: 0,
            most: usize::MAX,
            waiting: VecDeque::new(),
            tickets: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len()
    }

    /// One item always has room.
    pub(super) fn has_room(&self, load: Load) -> bool {
        let bears = |(weight, most): (usize, usize)| self.weight.saturating_add(weight) <= most;
        self.waiting.is_empty()
            && (self.ready.is_empty() || self.ready.len() < load.count && load.weight.is_none_or(bears))
    }

    /// Only if there [is room](Self::has_room).
    pub(super) fn push(&mut self, item: T, load: Load) {
        self.take_in(item, load.weight.map(|(weight, _)| weight));
    }

    fn take_in(&mut self, item: T, weight: Option<usize>) {
        self.ready.push_back(item);
        if let Some(weight) = weight {
            self.weights.push_back(weight);
            self.weight = self.weight.saturating_add(weight);
        }
    }

    pub(super) fn wait(&mut self, item: T, load: Load, putter: Waker) -> u64 {
        let ticket = self.tickets;
        self.tickets += 1;
        let weight = load.weight.map(|(weight, most)| {
            self.most = most;
            weight
        });
        self.waiting.push_back(Waiting { ticket, item, weight, putter });
        ticket
    }

    /// Whether the item of `ticket` still waits; if so `putter` is who is woken for it.
    pub(super) fn still_waits(&mut self, ticket: u64, putter: &Waker) -> bool {
        let Some(at) = self.find(ticket) else { return false };
        self.waiting[at].putter.clone_from(putter);
        true
    }

    pub(super) fn take_back(&mut self, ticket: u64) -> Option<T> {
        let at = self.find(ticket)?;
        self.waiting.remove(at).map(|waiting| waiting.item)
    }

    /// The next item, and whoever put the one that took its place.
    pub(super) fn pop(&mut self) -> Option<(T, Option<Waker>)> {
        let item = self.ready.pop_front()?;
        if let Some(weight) = self.weights.pop_front() {
            // Of weights whose sum was more than there are numbers for, nothing is known any more.
            self.weight = if self.weights.is_empty() { 0 } else { self.weight.saturating_sub(weight) };
        }
        Some((item, self.let_in()))
    }

    /// Moves the first that waits to the others, if it is not too heavy now: then some later place will do, at the
    /// latest that of the last.
    fn let_in(&mut self) -> Option<Waker> {
        let weight = self.waiting.front()?.weight.unwrap_or(0);
        if !self.ready.is_empty() && self.weight.saturating_add(weight) > self.most {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.take_in(next.item, next.weight);
        Some(next.putter)
    }

    /// Those who wait for a place, to be told that there will be none: they take their items back.
    pub(super) fn putters(&self) -> impl Iterator<Item = Waker> + '_ {
        self.waiting.iter().map(|waiting| waiting.putter.clone())
    }

    /// What is queued; not what waits.
    #[must_use]
    pub(super) fn empty(&mut self) -> VecDeque<T> {
        self.weights = VecDeque::new();
        self.weight = 0;
        mem::take(&mut self.ready)
    }

    /// Gives back what an empty queue need not keep.
    pub(super) fn rest(&mut self) {
        if self.ready.is_empty() && self.ready.capacity() * size_of::<T>() > KEPT {
            self.ready = VecDeque::new();
            self.weights = VecDeque::new();
        }
    }

    fn find(&self, ticket: u64) -> Option<usize> {
        self.waiting.binary_search_by_key(&ticket, |waiting| waiting.ticket).ok()
    }
}
