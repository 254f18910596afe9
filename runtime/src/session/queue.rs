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
    /// Most peers are never sent anything, so this is made when it is needed.
    items: Option<Box<Items<T>>>,
}

#[derive(Debug)]
struct Items<T> {
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
        Self { items: None }
    }

    pub(super) fn len(&self) -> usize {
        self.items.as_ref().map_or(0, |items| items.ready.len())
    }

    /// One item always has room.
    pub(super) fn has_room(&self, bound: usize) -> bool {
        let Some(items) = &self.items else { return true };
        items.ready.len() < bound.max(1) && items.waiting.is_empty()
    }

    /// Only if there [is room](Self::has_room).
    pub(super) fn push(&mut self, item: T) {
        self.items().ready.push_back(item);
    }

    pub(super) fn wait(&mut self, item: T, putter: Waker) -> u64 {
        let items = self.items();
        let ticket = items.tickets;
        items.tickets += 1;
        items.waiting.push_back(Waiting { ticket, item, putter });
        ticket
    }

    /// Whether the item of `ticket` still waits; if so `putter` is who is woken for it.
    pub(super) fn still_waits(&mut self, ticket: u64, putter: &Waker) -> bool {
        let Some((at, waiting)) = self.find(ticket) else { return false };
        waiting[at].putter.clone_from(putter);
        true
    }

    pub(super) fn take_back(&mut self, ticket: u64) -> Option<T> {
        let (at, waiting) = self.find(ticket)?;
        waiting.remove(at).map(|waiting| waiting.item)
    }

    /// The next item, and whoever put the one that took its place.
    pub(super) fn pop(&mut self) -> Option<(T, Option<Waker>)> {
        let items = self.items.as_mut()?;
        let item = items.ready.pop_front()?;
        let putter = items.waiting.pop_front().map(|next| {
            items.ready.push_back(next.item);
            next.putter
        });
        Some((item, putter))
    }

    /// Those who wait for a place, to be told that there will be none: they take their items back.
    pub(super) fn putters(&self) -> impl Iterator<Item = Waker> + '_ {
        self.items.iter().flat_map(|items| &items.waiting).map(|waiting| waiting.putter.clone())
    }

    /// What is queued; not what waits.
    #[must_use]
    pub(super) fn empty(&mut self) -> VecDeque<T> {
        self.items.as_mut().map(|items| mem::take(&mut items.ready)).unwrap_or_default()
    }

    /// Gives back what an empty queue need not keep. The tickets must go on counting, so the box itself stays.
    pub(super) fn rest(&mut self) {
        if let Some(items) = self.items.as_mut().filter(|items| items.ready.is_empty()) {
            if items.ready.capacity() * size_of::<T>() > KEPT {
                items.ready = VecDeque::new();
            }
        }
    }

    fn items(&mut self) -> &mut Items<T> {
        self.items.get_or_insert_with(|| {
            Box::new(Items { ready: VecDeque::new(), waiting: VecDeque::new(), tickets: 0 })
        })
    }

    fn find(&mut self, ticket: u64) -> Option<(usize, &mut VecDeque<Waiting<T>>)> {
        let waiting = &mut self.items.as_mut()?.waiting;
        let at = waiting.binary_search_by_key(&ticket, |waiting| waiting.ticket).ok()?;
        Some((at, waiting))
    }
}
