//! Boxes for the futures of bursts, used again by whichever session works next.

use std::pin::Pin;

use crate::sync::Mutex;

/// A box with room for one future.
pub(super) type Slot<F> = Pin<Box<Option<F>>>;

const KEPT: usize = 256;

/// The empty slots of one server.
pub(super) struct Shelf<F>(Mutex<Vec<Slot<F>>>);

impl<F> Shelf<F> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The future is made here: each hand that it went through would be a copy of all its room.
    pub(super) fn put_in(&self, future: impl FnOnce() -> F) -> Slot<F> {
        let slot = self.0.lock().pop();
        let mut slot = slot.unwrap_or_else(|| Box::pin(None));
        slot.set(Some(future()));
        slot
    }

    /// Drops what is in the slot and keeps the slot.
    pub(super) fn take_back(&self, mut slot: Slot<F>) {
        slot.set(None);
        let mut slots = self.0.lock();
        if slots.len() < KEPT {
            slots.push(slot);
        }
    }
}
