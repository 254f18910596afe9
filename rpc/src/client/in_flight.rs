//! [`InFlight`]: the calls of a connection that have no reply yet, by their numbers.

use std::sync::Arc;
use std::time::Instant;

use super::cell::CallCell;
use crate::protocol::Protocol;

/// The calls in flight.
///
/// Numbers increase by one, so a call is stored in the slot `number % slots`, of which there are at
/// least twice as many as calls. A number whose slot is occupied by an older call is skipped.
/// Numbers are not used again: a late reply cannot be taken for that of another call.
pub(super) struct InFlight<P: Protocol> {
    /// The length is a power of two, or zero.
    slots: Vec<Option<InFlightCall<P>>>,
    len: usize,
    last_id: u64,
}

pub(super) struct InFlightCall<P: Protocol> {
    pub(super) id: u64,
    pub(super) cell: Arc<CallCell<P>>,
    pub(super) deadline: Option<Instant>,
}

impl<P: Protocol> InFlight<P> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new(), len: 0, last_id: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn slot(&self, id: u64) -> usize {
        // The remainder is less than the length of the `Vec`.
        (id & (self.slots.len() as u64).wrapping_sub(1)) as usize
    }

    /// Returns the number for the next call, which has a free slot.
    pub(super) fn next_id(&mut self) -> u64 {
        if self.slots.len() <= self.len * 2 {
            self.grow();
        }
        loop {
            self.last_id += 1;
            if self.slots[self.slot(self.last_id)].is_none() {
                return self.last_id;
            }
        }
    }

    /// Numbers that differ in the remainder differ in that of the double, too.
    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(16);
        let calls = std::mem::take(&mut self.slots);
        self.slots.resize_with(slots, || None);
        for call in calls.into_iter().flatten() {
            let slot = self.slot(call.id);
            self.slots[slot] = Some(call);
        }
    }

    /// Adds a call whose number is from [`next_id`](Self::next_id).
    pub(super) fn insert(&mut self, call: InFlightCall<P>) {
        let slot = self.slot(call.id);
        debug_assert!(self.slots[slot].is_none(), "the slot of call {} is occupied", call.id);
        self.slots[slot] = Some(call);
        self.len += 1;
    }

    pub(super) fn get(&self, id: u64) -> Option<&InFlightCall<P>> {
        self.slots.get(self.slot(id))?.as_ref().filter(|call| call.id == id)
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<InFlightCall<P>> {
        let slot = self.slot(id);
        let call = self.slots.get_mut(slot)?.take_if(|call| call.id == id)?;
        self.len -= 1;
        Some(call)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut InFlightCall<P>> {
        self.slots.iter_mut().flatten()
    }

    /// Removes all calls. Their numbers are not used again.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = InFlightCall<P>> + use<P> {
        self.len = 0;
        std::mem::take(&mut self.slots).into_iter().flatten()
    }
}
