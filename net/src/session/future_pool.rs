//! [`FuturePool`]: boxes for the futures of active sessions, used again by the session that is active next.

use std::cell::OnceCell;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sync::{CachePadded, Mutex};

/// A box with room for one future.
pub(super) type Slot<F> = Pin<Box<Option<F>>>;

const SHARDS: usize = 16;
/// In each shard.
const MAX_POOLED: usize = 128;

/// The empty slots of one server. Every active phase takes one and returns it, so each loop thread
/// has a shard of its own (if there are more threads than shards, some share one). A slot may be
/// returned on another thread than it was taken on.
pub(super) struct FuturePool<F>([CachePadded<Mutex<Vec<Slot<F>>>>; SHARDS]);

impl<F> FuturePool<F> {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| CachePadded(Mutex::new(Vec::new()))))
    }

    fn shard(&self) -> &Mutex<Vec<Slot<F>>> {
        &self.0[thread_index() % SHARDS]
    }

    /// Calls `future` in place: passing the future through functions would copy all of its memory
    /// each time.
    pub(super) fn acquire_with(&self, future: impl FnOnce() -> F) -> Slot<F> {
        let slot = self.shard().lock().pop();
        let mut slot = slot.unwrap_or_else(|| Box::pin(None));
        slot.set(Some(future()));
        slot
    }

    /// Drops what is in the slot and keeps the slot.
    pub(super) fn release(&self, mut slot: Slot<F>) {
        slot.set(None);
        let mut slots = self.shard().lock();
        if slots.len() < MAX_POOLED {
            slots.push(slot);
        }
    }
}

/// The number of this thread, in the order of their first calls.
fn thread_index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static THREAD_INDEX: OnceCell<usize> = const { OnceCell::new() };
    }
    THREAD_INDEX
        .try_with(|number| *number.get_or_init(|| NEXT.fetch_add(1, Ordering::Relaxed)))
        .unwrap_or_default()
}
