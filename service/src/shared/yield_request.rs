//! A flag of each thread: the task that runs should yield soon.
//!
//! A session handles up to 128 requests before it yields, and each may send to the same peer. A
//! push that makes a queue half full sets the flag, and the session that runs on this thread yields
//! after its current handler, so that the receiving session can empty the queue. A flag that
//! another task has set costs the next session one yield.

use std::cell::Cell;

thread_local! {
    static REQUESTED: Cell<bool> = const { Cell::new(false) };
}

pub(super) fn set() {
    let _ = REQUESTED.try_with(|requested| requested.set(true));
}

/// Returns whether the flag was set, and clears it.
#[inline]
pub fn take() -> bool {
    REQUESTED.try_with(Cell::take).unwrap_or(false)
}
