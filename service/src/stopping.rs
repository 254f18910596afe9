//! [`Stopping`]: the beginning of a server's stop, for what works beside its sessions.

use std::fmt;
use std::future::{Future, IntoFuture, pending};
use std::pin::Pin;

use tokio::sync::watch;
use tokio::time::Instant;

/// Tells when a server is asked to stop. From [`Cleanup::stopping`](crate::Cleanup::stopping)
/// and `ServerHandle::stopping`.
///
/// `stopping.wait().await` as often as you like, or `stopping.await`. Waiting is cancel-safe.
#[derive(Clone)]
#[must_use = "nothing is waited for before it is awaited"]
pub struct Stopping(Option<watch::Receiver<Option<Instant>>>);

impl Stopping {
    /// The stop begins when `orders` has a deadline.
    #[doc(hidden)]
    pub fn new(orders: watch::Receiver<Option<Instant>>) -> Self {
        Self(Some(orders))
    }

    /// Where there is no server: its stop never begins.
    #[doc(hidden)]
    pub fn never() -> Self {
        Self(None)
    }

    /// Waits until the server is asked to stop.
    pub async fn wait(&self) {
        match self.0.clone() {
            // An error means that the server was dropped.
            Some(mut orders) => drop(orders.wait_for(Option::is_some).await),
            None => pending().await,
        }
    }

    /// The end of the grace period: what still runs then is cancelled. `None` before the stop, and
    /// where there is no server. A second stop may make it earlier.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.as_ref().and_then(|orders| *orders.borrow())
    }

    /// Whether the server was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.0.as_ref().is_some_and(|orders| orders.borrow().is_some() || orders.has_changed().is_err())
    }
}

impl IntoFuture for Stopping {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.wait().await })
    }
}

impl fmt::Debug for Stopping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stopping").field(&self.is_stopping()).finish()
    }
}
