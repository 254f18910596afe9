//! [`Notifications`]: what a server sends on its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{error, fmt};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::wire::Notification;

/// How many notifications wait for the slowest subscriber.
const CAPACITY: usize = 64;

/// The notifications that a server sends on its own, in their order. Made by
/// [`RpcClient::notifications`](super::RpcClient::notifications).
///
/// At most 64 wait here. A subscriber that is slower than that misses the oldest ones, and is told
/// how many; it delays neither the calls nor other subscribers.
#[must_use = "notifications are received by `next`"]
pub struct Notifications {
    /// `None` if the client was closed before.
    receiver: Option<broadcast::Receiver<Arc<Notification>>>,
}

impl Notifications {
    /// Waits for the next notification. Returns `None` when the client is closed and all were
    /// taken.
    ///
    /// # Errors
    /// [`Missed`]: the next ones were dropped, because too many have waited. Call this again for
    /// those that were not.
    ///
    /// # Cancellation
    /// If the future is dropped, no notification is lost.
    pub async fn next(&mut self) -> Result<Option<Arc<Notification>>, Missed> {
        let Some(receiver) = &mut self.receiver else { return Ok(None) };
        match receiver.recv().await {
            Ok(notification) => Ok(Some(notification)),
            Err(RecvError::Closed) => Ok(None),
            Err(RecvError::Lagged(count)) => Err(Missed(count)),
        }
    }
}

impl fmt::Debug for Notifications {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifications").finish_non_exhaustive()
    }
}

/// So many notifications were dropped, because their subscriber did not take them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed(pub u64);

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} notifications were missed", self.0)
    }
}

impl error::Error for Missed {}

/// The subscribers of a client. Nothing is allocated before the first one.
#[derive(Default)]
pub(super) struct Subscribers(Mutex<State>);

#[derive(Default)]
struct State {
    sender: Option<broadcast::Sender<Arc<Notification>>>,
    is_closed: bool,
}

impl Subscribers {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn subscribe(&self) -> Notifications {
        let mut state = self.lock();
        if state.is_closed {
            return Notifications { receiver: None };
        }
        let sender = state.sender.get_or_insert_with(|| broadcast::channel(CAPACITY).0);
        Notifications { receiver: Some(sender.subscribe()) }
    }

    pub(super) fn send(&self, notification: Notification) {
        // A receiver's waker is not called under the lock.
        let sender = self.lock().sender.clone();
        match sender.map(|sender| sender.send(Arc::new(notification))) {
            Some(Ok(_)) => {}
            Some(Err(broadcast::error::SendError(ignored))) => ignore(&ignored),
            None => {}
        }
    }

    /// Ends the subscriptions.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        let sender = state.sender.take();
        drop(state);
        drop(sender);
    }
}

fn ignore(notification: &Notification) {
    tracing::debug!(method = notification.method(), "a notification was ignored");
}
