//! Boxes for the futures of bursts, used again by whichever session works next.

use std::cell::OnceCell;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::sync::{Mutex, OwnLine};

/// A box with room for one future.
pub(super) type Slot<F> = Pin<Box<Option<F>>>;

const BOARDS: usize = 16;
/// On each board.
const KEPT: usize = 128;

/// The empty slots of one server. Every burst takes one and gives it back, so each loop thread has a board of its own (with
/// more threads than boards, some share): a slot may be given back on another thread than it came from.
pub(super) struct Shelf<F>([OwnLine<Mutex<Vec<Slot<F>>>>; BOARDS]);

impl<F> Shelf<F> {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| OwnLine(Mutex::new(Vec::new()))))
    }

    fn board(&self) -> &Mutex<Vec<Slot<F>>> {
        &self.0[thread_number() % BOARDS]
    }

    /// The future is made here: each hand that it went through would be a copy of all its room.
    pub(super) fn put_in(&self, future: impl FnOnce() -> F) -> Slot<F> {
        let slot = self.board().lock().pop();
        let mut slot = slot.unwrap_or_else(|| Box::pin(None));
        slot.set(Some(future()));
        slot
    }

    /// Drops what is in the slot and keeps the slot.
    pub(super) fn take_back(&self, mut slot: Slot<F>) {
        slot.set(None);
        let mut slots = self.board().lock();
        if slots.len() < KEPT {
            slots.push(slot);
        }
    }
}

/// Which of the threads that have asked this one is.
fn thread_number() -> usize {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: OnceCell<usize> = const { OnceCell::new() };
    }
    NUMBER
        .try_with(|number| *number.get_or_init(|| ASKED.fetch_add(1, Ordering::Relaxed)))
        .unwrap_or_default()
}
