//! [`Shared`]: the calls that wait to be sent, which all clones of a client and the task of their
//! connection share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::cell::{CallCell, Released};
use super::notifications::Subscribers;
use crate::failure::Failure;
use crate::protocol::Protocol;

/// The clients and the calls own it. The task of the connection has a weak reference, and ends when
/// the last owner is dropped.
pub(super) struct Shared<P: Protocol> {
    state: Mutex<State<P>>,
    closed: Notify,
    pub(super) notifications: Subscribers,
    /// The runtime of the connection.
    pub(super) runtime: Handle,
}

pub(super) struct State<P: Protocol> {
    /// The calls that wait to be sent, in their order.
    pub(super) queue: VecDeque<Queued<P>>,
    /// How many calls of the queue were dropped since it was last compacted.
    dropped: usize,
    /// Sent calls whose caller was dropped.
    pub(super) cancelled: Vec<u64>,
    /// Items that callers have taken, by the numbers of their calls.
    pub(super) credits: Vec<(u64, u32)>,
    pub(super) max_in_flight: usize,
    /// The task of the connection, if it waits.
    pub(super) driver: Option<Waker>,
    /// Whether the task waits for calls. It does not while `max_in_flight` calls are in flight.
    pub(super) accepts_calls: bool,
    /// When the alarm of the task is due, or has to be.
    pub(super) alarm: Option<Instant>,
    pub(super) is_closed: bool,
    /// Cells that no call uses any more, for the next calls.
    pub(super) spare: Vec<Arc<CallCell<P>>>,
}

pub(super) struct Queued<P: Protocol> {
    pub(super) cell: Arc<CallCell<P>>,
    pub(super) deadline: Option<Instant>,
}

impl<P: Protocol> Shared<P> {
    pub(super) fn new(runtime: Handle, max_in_flight: usize) -> Self {
        let state = State {
            queue: VecDeque::new(),
            dropped: 0,
            cancelled: Vec::new(),
            credits: Vec::new(),
            max_in_flight,
            driver: None,
            accepts_calls: true,
            alarm: None,
            is_closed: false,
            spare: Vec::new(),
        };
        Self {
            state: Mutex::new(state),
            closed: Notify::new(),
            notifications: Subscribers::default(),
            runtime,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a call to the queue.
    ///
    /// # Errors
    /// The client is closed.
    pub(super) fn push(
        &self,
        call: P,
        deadline: Option<Instant>,
        caller: Waker,
    ) -> Result<Arc<CallCell<P>>, Failure> {
        let mut state = self.lock();
        if state.is_closed {
            drop(state);
            return Err(Failure::Closed);
        }
        let is_earliest = deadline.is_some_and(|at| state.alarm.is_none_or(|alarm| at < alarm));
        if is_earliest {
            state.alarm = deadline;
        }
        let cell = match state.spare.pop() {
            Some(cell) => {
                cell.reuse(call, caller);
                cell
            }
            None => Arc::new(CallCell::new(call, caller)),
        };
        state.queue.push_back(Queued { cell: Arc::clone(&cell), deadline });
        if state.accepts_calls || is_earliest {
            wake_driver(state);
        }
        Ok(cell)
    }

    /// Cancels a call whose caller is dropped.
    pub(super) fn cancel(&self, cell: &CallCell<P>) {
        match cell.release() {
            Released::Ended => {}
            Released::Sent { id } => {
                let mut state = self.lock();
                if !state.is_closed {
                    state.cancelled.push(id);
                    wake_driver(state);
                }
            }
            Released::Queued => {
                let mut state = self.lock();
                state.dropped += 1;
                // Each call is looked at twice on average, and the queue is at most twice as long
                // as the calls that wait in it.
                if state.dropped * 2 > state.queue.len() {
                    state.dropped = 0;
                    state.queue.retain(|call| call.cell.is_queued());
                }
            }
        }
    }

    /// Lets the service send this many more items of a call.
    pub(super) fn grant(&self, id: u64, items: u32) {
        let mut state = self.lock();
        state.credits.push((id, items));
        wake_driver(state);
    }

    pub(super) fn set_max_in_flight(&self, calls: usize) {
        let mut state = self.lock();
        state.max_in_flight = calls.max(1);
        wake_driver(state);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    pub(super) async fn closed(&self) {
        let closed = self.closed.notified();
        // A `Notified` receives every `notify_waiters` since it was created.
        if !self.is_closed() {
            closed.await;
        }
    }

    /// Refuses further calls. Returns those that were queued.
    pub(super) fn close(&self) -> VecDeque<Queued<P>> {
        let mut state = self.lock();
        state.is_closed = true;
        let queue = std::mem::take(&mut state.queue);
        drop(state);
        self.notifications.close();
        self.closed.notify_waiters();
        queue
    }
}

impl<P: Protocol> Drop for Shared<P> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(driver) = state.driver.take() {
            driver.wake();
        }
    }
}

fn wake_driver<P: Protocol>(mut state: MutexGuard<'_, State<P>>) {
    let driver = state.driver.take();
    drop(state);
    if let Some(driver) = driver {
        driver.wake();
    }
}
