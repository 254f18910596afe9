//! [`CallCell`]: one call, shared by the future of the caller and the task of the connection.
//!
//! | phase | next | who |
//! |---|---|---|
//! | `Queued`: waits to be sent | `Sent` | the connection takes the parameters |
//! | | `Ended` | the connection: the deadline has passed, the client is closed |
//! | | `Released` | the caller is dropped: the call is not sent |
//! | `Sent`: waits for its reply | `Ended` | the connection: a reply, the deadline, a lost connection |
//! | | `Released` | the caller is dropped: the connection sends a cancel message |
//! | `Ended`: has an outcome | `Released` | the caller takes the outcome, or is dropped |
//!
//! The items of a stream are beside the phase, and the caller takes them before the outcome.

use std::collections::VecDeque;
use std::mem::{replace, take};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::failure::Failure;
use crate::protocol::Protocol;

pub(super) type Outcome<P> = Result<<P as Protocol>::Reply, Failure>;

pub(super) struct CallCell<P: Protocol>(Mutex<CellState<P>>);

struct CellState<P: Protocol> {
    phase: Phase<P>,
    items: VecDeque<P::Reply>,
}

enum Phase<P: Protocol> {
    Queued { call: P, caller: Waker },
    Sent { id: u64, caller: Waker },
    Ended(Outcome<P>),
    Released,
}

/// What a call was waiting for when its caller was dropped.
pub(super) enum Released {
    Queued,
    Sent { id: u64 },
    Ended,
}

impl<P: Protocol> CallCell<P> {
    pub(super) fn new(call: P, caller: Waker) -> Self {
        Self(Mutex::new(CellState { phase: Phase::Queued { call, caller }, items: VecDeque::new() }))
    }

    /// Makes a cell that no call uses any more that of another call.
    pub(super) fn reuse(&self, call: P, caller: Waker) {
        let mut state = self.lock();
        debug_assert!(matches!(state.phase, Phase::Released) && state.items.is_empty(), "the cell is in use");
        state.phase = Phase::Queued { call, caller };
    }

    fn lock(&self) -> MutexGuard<'_, CellState<P>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_queued(&self) -> bool {
        matches!(self.lock().phase, Phase::Queued { .. })
    }

    /// Takes the parameters to send them as the call `id`. Returns `None` if the call has ended or
    /// its caller was dropped.
    pub(super) fn send(&self, id: u64) -> Option<P> {
        let phase = &mut self.lock().phase;
        match replace(phase, Phase::Released) {
            Phase::Queued { call, caller } => {
                *phase = Phase::Sent { id, caller };
                Some(call)
            }
            other => {
                *phase = other;
                None
            }
        }
    }

    /// Ends the call, unless it has ended, and wakes its caller.
    pub(super) fn end(&self, outcome: Outcome<P>) {
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Queued { .. } | Phase::Sent { .. }) {
            return;
        }
        let waiting = replace(&mut state.phase, Phase::Ended(outcome));
        drop(state);
        // The waker, and the drop of the parameters, are the user's code.
        if let Phase::Queued { caller, .. } | Phase::Sent { caller, .. } = waiting {
            caller.wake();
        }
    }

    /// Takes the outcome. Otherwise the caller is woken when there is one.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Outcome<P>> {
        let phase = &mut self.lock().phase;
        if let Phase::Queued { caller, .. } | Phase::Sent { caller, .. } = phase {
            caller.clone_from(cx.waker());
            return Poll::Pending;
        }
        match replace(phase, Phase::Released) {
            Phase::Ended(outcome) => Poll::Ready(outcome),
            _ => Poll::Pending,
        }
    }

    /// Adds an item, and wakes the caller. Returns `false` if the caller has not taken the `max`
    /// items before.
    pub(super) fn push_item(&self, item: P::Reply, max: usize) -> bool {
        let mut state = self.lock();
        if state.items.len() >= max {
            return false;
        }
        let CellState { phase: Phase::Sent { caller, .. }, items } = &mut *state else { return true };
        items.push_back(item);
        let caller = caller.clone();
        drop(state);
        caller.wake();
        true
    }

    /// Takes the next item. Returns `None` when all were taken and the call has an outcome.
    /// Otherwise the caller is woken when there is one.
    pub(super) fn poll_item(&self, cx: &Context<'_>) -> Poll<Option<P::Reply>> {
        let mut state = self.lock();
        if let Some(item) = state.items.pop_front() {
            return Poll::Ready(Some(item));
        }
        match &mut state.phase {
            Phase::Queued { caller, .. } | Phase::Sent { caller, .. } => {
                caller.clone_from(cx.waker());
                Poll::Pending
            }
            Phase::Ended(_) | Phase::Released => Poll::Ready(None),
        }
    }

    /// The number of the call, if it was sent and has not ended.
    pub(super) fn id(&self) -> Option<u64> {
        match self.lock().phase {
            Phase::Sent { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Drops the parameters or the outcome, and the items.
    pub(super) fn release(&self) -> Released {
        let mut state = self.lock();
        let (phase, items) = (replace(&mut state.phase, Phase::Released), take(&mut state.items));
        drop(state);
        drop(items);
        match phase {
            Phase::Queued { .. } => Released::Queued,
            Phase::Sent { id, .. } => Released::Sent { id },
            Phase::Ended(_) | Phase::Released => Released::Ended,
        }
    }
}
