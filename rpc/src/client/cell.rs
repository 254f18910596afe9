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

use std::mem::replace;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::failure::Failure;
use crate::protocol::Protocol;

pub(super) type Outcome<P> = Result<<P as Protocol>::Reply, Failure>;

pub(super) struct CallCell<P: Protocol>(Mutex<Phase<P>>);

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
        Self(Mutex::new(Phase::Queued { call, caller }))
    }

    fn lock(&self) -> MutexGuard<'_, Phase<P>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_queued(&self) -> bool {
        matches!(*self.lock(), Phase::Queued { .. })
    }

    /// Takes the parameters to send them as the call `id`. Returns `None` if the call has ended or
    /// its caller was dropped.
    pub(super) fn send(&self, id: u64) -> Option<P> {
        let mut phase = self.lock();
        match replace(&mut *phase, Phase::Released) {
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
        let mut phase = self.lock();
        if !matches!(*phase, Phase::Queued { .. } | Phase::Sent { .. }) {
            return;
        }
        let waiting = replace(&mut *phase, Phase::Ended(outcome));
        drop(phase);
        // The waker, and the drop of the parameters, are the user's code.
        if let Phase::Queued { caller, .. } | Phase::Sent { caller, .. } = waiting {
            caller.wake();
        }
    }

    /// Takes the outcome. Otherwise the caller is woken when there is one.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Outcome<P>> {
        let mut phase = self.lock();
        if let Phase::Queued { caller, .. } | Phase::Sent { caller, .. } = &mut *phase {
            caller.clone_from(cx.waker());
            return Poll::Pending;
        }
        match replace(&mut *phase, Phase::Released) {
            Phase::Ended(outcome) => Poll::Ready(outcome),
            _ => Poll::Pending,
        }
    }

    /// Drops the parameters or the outcome.
    pub(super) fn release(&self) -> Released {
        let phase = replace(&mut *self.lock(), Phase::Released);
        match phase {
            Phase::Queued { .. } => Released::Queued,
            Phase::Sent { id, .. } => Released::Sent { id },
            Phase::Ended(_) | Phase::Released => Released::Ended,
        }
    }
}
