//! The queues that a running session has filled half, so that it can wait for their receivers.
//!
//! A session handles up to 128 requests before it yields, and each may send to the same peers.
//! Without more, one client that pipelines its requests would fill the queues of sessions whose
//! clients read all the while. Therefore:
//!
//! | step | where |
//! |---|---|
//! | a session is polled: its thread notes that it runs | [`RunningSession`] |
//! | its handler sends or posts, and the queue is half full: the thread notes the receiver | [`report`] |
//! | the handler has returned: the session takes the receivers, and waits for each | [`take`], [`Congested::poll_relief`] |
//! | the receiver has emptied its queue, or parks because it cannot: the sender goes on | `Mailbox` |
//!
//! A receiver that parks waits for its client or its handler, so waiting for it any longer would
//! let a slow client delay others. Then the queue may become full, and the sender learns it.

use std::cell::{Cell, RefCell};
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A session whose queue was half full.
pub trait Congested: Send + Sync {
    /// Ready if the session has emptied its queues or cannot empty them now. `waiter_id` is `None`
    /// at first.
    fn poll_relief(&self, waiter_id: &mut Option<u64>, cx: &Context<'_>) -> Poll<()>;

    /// Ends a wait that was not ready.
    fn cancel_relief(&self, waiter_id: u64);
}

/// A handler that sends to more congested sessions waits for these.
const MAX_REPORTED: usize = 1024;

thread_local! {
    /// The address of the session that runs on this thread; zero if none runs.
    static RUNNING: Cell<usize> = const { Cell::new(0) };
    static REPORTED: Cell<bool> = const { Cell::new(false) };
    static CONGESTED: RefCell<Vec<Arc<dyn Congested>>> = const { RefCell::new(Vec::new()) };
}

/// A session runs on this thread until this is dropped.
pub struct RunningSession {
    before: usize,
}

impl RunningSession {
    /// For the session at this address.
    #[inline]
    pub(super) fn enter(address: usize) -> Self {
        Self { before: RUNNING.replace(address) }
    }
}

impl Drop for RunningSession {
    #[inline]
    fn drop(&mut self) {
        RUNNING.set(self.before);
        if take() {
            drop(take_congested());
        }
    }
}

/// Notes that a queue of the session at `address` is half full. Tasks that are not sessions do not
/// wait.
#[cold]
pub(crate) fn report(address: usize, congested: impl FnOnce() -> Arc<dyn Congested>) {
    let running = RUNNING.try_with(Cell::get).unwrap_or(0);
    if running == 0 {
        return;
    }
    REPORTED.set(true);
    // A session that waited for itself would never run.
    if running == address {
        return;
    }
    let _ = CONGESTED.try_with(|list| {
        let mut list = list.borrow_mut();
        let is_last = |last: &Arc<dyn Congested>| Arc::as_ptr(last).addr() == address;
        if list.len() < MAX_REPORTED && !list.last().is_some_and(is_last) {
            list.push(congested());
        }
    });
}

/// Returns whether the session that runs on this thread should yield, and clears that.
#[inline]
pub fn take() -> bool {
    REPORTED.take()
}

/// Returns whether the session that runs on this thread should yield.
#[inline]
pub fn is_reported() -> bool {
    REPORTED.get()
}

/// Takes the sessions that the running session should wait for. Empty if it has only filled its own
/// queue.
#[must_use]
pub fn take_congested() -> Vec<Arc<dyn Congested>> {
    CONGESTED.try_with(|list| mem::take(&mut *list.borrow_mut())).unwrap_or_default()
}
