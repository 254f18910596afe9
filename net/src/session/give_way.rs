//! [`give_way`]: a session that has filled the queues of others half waits until they have run.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::sleep;

use crate::service::internal::{Congested, SessionShared, ShutdownPhase, take_congested};

/// A session waits for no longer than this: the loop thread of a receiver may be blocked.
const MAX_WAIT: Duration = Duration::from_millis(10);

/// Waits until the sessions that the last handler has sent to have emptied their queues, or cannot
/// do so now because their clients do not read or their handlers are pending. If the handler has
/// only sent to its own session, it yields once.
pub(super) async fn give_way<Rsp, Ev>(shared: Arc<SessionShared<Rsp, Ev>>) {
    let mut congested = Receivers::taken();
    if congested.0.is_empty() {
        return yield_now().await;
    }
    let mut time = pin!(sleep(MAX_WAIT));
    poll_fn(|cx| {
        while let Some(Receiver { session, waiter_id }) = congested.0.last_mut() {
            if session.poll_relief(waiter_id, cx).is_pending() {
                // The caller handles what has passed or was aborted.
                if shared.abort_reason(ShutdownPhase::Cancelling).is_some() {
                    return Poll::Ready(());
                }
                return time.as_mut().poll(cx);
            }
            congested.0.pop();
        }
        Poll::Ready(())
    })
    .await;
}

struct Receiver {
    session: Arc<dyn Congested>,
    waiter_id: Option<u64>,
}

/// Those that are still waited for.
struct Receivers(Vec<Receiver>);

impl Receivers {
    fn taken() -> Self {
        Self(take_congested().into_iter().map(|session| Receiver { session, waiter_id: None }).collect())
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        for Receiver { session, waiter_id } in self.0.drain(..) {
            if let Some(waiter_id) = waiter_id {
                session.cancel_relief(waiter_id);
            }
        }
    }
}
