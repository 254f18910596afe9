//! [`BoundedQueue`]: a bounded queue whose senders wait in order of arrival.
//!
//! A sender that finds the queue full leaves its item in `waiting` and keeps the waiter's id. As
//! the queue empties, items move from `waiting` to `ready` here, so no wake-up is lost and no item
//! overtakes another. A sender that is dropped takes its item back, and so do all of them at the
//! end of the session. The queue is bounded by the number of its items, and by their weight if they
//! have one.
//!
//! The driver [takes](BoundedQueue::take) all ready items at once and [puts
//! back](BoundedQueue::put_back) those that it has not handled. Items that are taken count against
//! the bound until then. Everything here happens under the lock of the
//! [`Mailbox`](super::mailbox::Mailbox) that it is part of.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

#[derive(Debug)]
pub(crate) struct BoundedQueue<T> {
    ready: VecDeque<T>,
    /// How many items the driver has taken and not put back.
    taken: usize,
    /// The most items that were taken at once since the memory of `ready` was released, and before
    /// that.
    peak: usize,
    last_peak: usize,
    /// The weight of each item that is taken or ready, if they are weighed; their sum; and the
    /// limit of that.
    weights: VecDeque<usize>,
    weight: usize,
    max_weight: usize,
    /// The limit of the number of items.
    max_count: usize,
    waiting: VecDeque<Waiting<T>>,
    next_waiter_id: u64,
}

/// What an item adds to its queue, and how much the queue may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// How many items there may be.
    pub(crate) max_count: usize,
    /// The item's weight and what all may weigh together; `None` if they are not weighed. The same
    /// in each call.
    pub(crate) weight: Option<(usize, usize)>,
}

#[derive(Debug)]
struct Waiting<T> {
    waiter_id: u64,
    item: T,
    weight: Option<usize>,
    sender: Waker,
}

/// An idle session keeps a queue of no more than this many bytes.
const MAX_RETAINED: usize = 512;

impl<T> BoundedQueue<T> {
    pub(crate) fn new() -> Self {
        Self {
            ready: VecDeque::new(),
            taken: 0,
            peak: 0,
            last_peak: 0,
            weights: VecDeque::new(),
            weight: 0,
            max_weight: usize::MAX,
            max_count: usize::MAX,
            waiting: VecDeque::new(),
            next_waiter_id: 0,
        }
    }

    /// How many items are ready to be taken.
    pub(crate) fn ready_len(&self) -> usize {
        self.ready.len()
    }

    /// How many items are ready or taken.
    fn len(&self) -> usize {
        self.ready.len() + self.taken
    }

    /// Returns whether an item of this cost may be pushed now. An empty queue accepts any item.
    #[inline]
    pub(crate) fn has_room(&self, cost: Cost) -> bool {
        let fits = |(weight, max_weight): (usize, usize)| self.weight.saturating_add(weight) <= max_weight;
        let len = self.len();
        self.waiting.is_empty() && (len == 0 || len < cost.max_count && cost.weight.is_none_or(fits))
    }

    /// Only if there [is room](Self::has_room). Returns whether the queue is half full.
    #[inline]
    pub(crate) fn push(&mut self, item: T, cost: Cost) -> bool {
        self.max_count = cost.max_count;
        let weight = cost.weight.map(|(weight, max_weight)| {
            self.max_weight = max_weight;
            weight
        });
        self.push_ready(item, weight);
        self.is_half_full()
    }

    /// Whether half of what may be queued is queued.
    pub(crate) fn is_half_full(&self) -> bool {
        let len = self.len();
        let is_half = |count: usize, max: usize| count >= max.saturating_sub(count);
        len > 0 && (is_half(len, self.max_count) || is_half(self.weight, self.max_weight))
    }

    #[inline]
    fn push_ready(&mut self, item: T, weight: Option<usize>) {
        if self.ready.capacity() == 0 {
            self.ready.reserve(self.last_peak);
        }
        self.ready.push_back(item);
        if let Some(weight) = weight {
            self.weights.push_back(weight);
            self.weight = self.weight.saturating_add(weight);
        }
    }

    pub(crate) fn wait(&mut self, item: T, cost: Cost, sender: Waker) -> u64 {
        let waiter_id = self.next_waiter_id;
        self.next_waiter_id += 1;
        let weight = cost.weight.map(|(weight, max_weight)| {
            self.max_weight = max_weight;
            weight
        });
        self.waiting.push_back(Waiting { waiter_id, item, weight, sender });
        waiter_id
    }

    /// Whether the item of `waiter_id` still waits; if so `sender` is woken when it is moved.
    pub(crate) fn is_waiting(&mut self, waiter_id: u64, sender: &Waker) -> bool {
        let Some(at) = self.find(waiter_id) else { return false };
        self.waiting[at].sender.clone_from(sender);
        true
    }

    pub(crate) fn cancel_wait(&mut self, waiter_id: u64) -> Option<T> {
        let at = self.find(waiter_id)?;
        self.waiting.remove(at).map(|waiting| waiting.item)
    }

    /// The next item, and the sender of the one that has moved up from `waiting`.
    pub(crate) fn pop(&mut self) -> Option<(T, Option<Waker>)> {
        let item = self.ready.pop_front()?;
        self.pop_weight();
        Some((item, self.promote_waiter()))
    }

    /// Moves all ready items to `items`, which is empty.
    pub(crate) fn take(&mut self, items: &mut VecDeque<T>) {
        mem::swap(&mut self.ready, items);
        self.taken = items.len();
        self.peak = self.peak.max(self.taken);
    }

    /// Puts the items back that were taken and not handled, before those that were pushed since.
    /// Returns the senders whose items have moved up from `waiting`.
    pub(crate) fn put_back(&mut self, items: &mut VecDeque<T>) -> Vec<Waker> {
        let handled = mem::take(&mut self.taken).saturating_sub(items.len());
        // Either way `ready` has the memory that it had before.
        items.append(&mut self.ready);
        mem::swap(&mut self.ready, items);
        for _ in 0..handled.min(self.weights.len()) {
            self.pop_weight();
        }
        (0..handled).map_while(|_| self.promote_waiter()).collect()
    }

    fn pop_weight(&mut self) {
        if let Some(weight) = self.weights.pop_front() {
            // A sum that has saturated is not exact any more. The last item makes it exact again.
            self.weight = if self.weights.is_empty() { 0 } else { self.weight.saturating_sub(weight) };
        }
    }

    /// Moves the first waiting item to `ready`, unless it is too heavy now: then a later call moves
    /// it, at the latest the one that finds `ready` empty.
    fn promote_waiter(&mut self) -> Option<Waker> {
        let weight = self.waiting.front()?.weight.unwrap_or(0);
        if self.len() > 0 && self.weight.saturating_add(weight) > self.max_weight {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.push_ready(next.item, next.weight);
        Some(next.sender)
    }

    /// The senders that wait for capacity. At the end of the session they are woken, and take their
    /// items back.
    pub(crate) fn blocked_senders(&self) -> impl Iterator<Item = Waker> + '_ {
        self.waiting.iter().map(|waiting| waiting.sender.clone())
    }

    /// Takes the items that are ready, not those that wait.
    #[must_use]
    pub(crate) fn drain(&mut self) -> VecDeque<T> {
        self.weights = VecDeque::new();
        self.weight = 0;
        self.taken = 0;
        mem::take(&mut self.ready)
    }

    /// Whether it holds nothing, and no sender has ever waited.
    pub(crate) fn is_unused(&self) -> bool {
        self.len() == 0 && self.next_waiter_id == 0
    }

    /// Releases the memory of an empty queue if it is more than an idle session keeps.
    pub(crate) fn shrink(&mut self) {
        if self.ready.is_empty() && self.ready.capacity() * size_of::<T>() > MAX_RETAINED {
            self.ready = VecDeque::new();
            self.weights = VecDeque::new();
            self.last_peak = mem::take(&mut self.peak);
        }
    }

    fn find(&self, waiter_id: u64) -> Option<usize> {
        self.waiting.binary_search_by_key(&waiter_id, |waiting| waiting.waiter_id).ok()
    }
}
