//! [`Queue`]: a bounded queue whose putters wait their turn.
//!
//! Whoever finds it full leaves the item in `waiting`, in order of arrival, and keeps the ticket. As the queue empties,
//! items are moved over, so that no wake-up can be lost or overtaken. Whoever goes away takes the item back, and at
//! the end all do. Everything here happens under the lock of the [`Mail`](super::mail::Mail) it is part of.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

#[derive(Debug)]
pub(super) struct Queue<T> {
    ready: VecDeque<T>,
    waiting: VecDeque<Waiting<T>>,
    tickets: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    ticket: u64,
    item: T,
    putter: Waker,
}

/// An idle session keeps a queue of no more than this many bytes.
const KEPT: usize = 512;

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { ready: VecDeque::new(), waiting: VecDeque::new(), tickets: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.ready.len()
    }

    /// One item always has room.
    pub(super) fn has_room(&self, bound: usize) -> bool {
        self.ready.len() < bound.max(1) && self.waiting.is_empty()
    }

    /// Only if there [is room](Self::has_room).
    pub(super) fn push(&mut self, item: T) {
        self.ready.push_back(item);
    }

    pub(super) fn wait(&mut self, item: T, putter: Waker) -> u64 {
        let ticket = self.tickets;
        self.tickets += 1;
        self.waiting.push_back(Waiting { ticket, item, putter });
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
        let putter = self.waiting.pop_front().map(|next| {
            self.ready.push_back(next.item);
            next.putter
        });
        Some((item, putter))
    }

    /// Those who wait for a place, to be told that there will be none: they take their items back.
    pub(super) fn putters(&self) -> impl Iterator<Item = Waker> + '_ {
        self.waiting.iter().map(|waiting| waiting.putter.clone())
    }

    /// What is queued; not what waits.
    #[must_use]
    pub(super) fn empty(&mut self) -> VecDeque<T> {
        mem::take(&mut self.ready)
    }

    /// Gives back what an empty queue need not keep.
    pub(super) fn rest(&mut self) {
        if self.ready.is_empty() && self.ready.capacity() * size_of::<T>() > KEPT {
            self.ready = VecDeque::new();
        }
    }

    fn find(&self, ticket: u64) -> Option<usize> {
        self.waiting.binary_search_by_key(&ticket, |waiting| waiting.ticket).ok()
    }
}
