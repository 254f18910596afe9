//! Cancelling calls: a caller that drops a call publishes its id, and the node that handles the
//! call ends its session.
//!
//! The caller gives each request an id in a header, and publishes it on the subject
//! [`cancel_subject`] if it drops the call. It cannot know which node has the call, so all nodes of
//! the service subscribe to that subject, and the others ignore the id. A cancel message is lost if
//! the NATS server is not reachable: the call then ends at its deadline.
//!
//! A node may see a cancel message before it has accepted the call, because the two arrive by
//! different subscriptions. The last [`MAX_EARLY`] ids of unknown calls are kept for that.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Client, HeaderMap, HeaderName, Subject, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tracing::debug;

use crate::wire::{CALL_ID, cancel_subject};

/// How many ids of unknown calls a node keeps.
const MAX_EARLY: usize = 256;

/// The longest id. A call with a longer one cannot be cancelled.
const MAX_ID: usize = 64;

/// The calls that a node handles, by their ids.
#[derive(Default)]
pub(crate) struct RunningCalls(Mutex<State>);

#[derive(Default)]
struct State {
    running: HashMap<Box<str>, Arc<Cancellation>>,
    /// Ids that were cancelled before their calls were accepted, and their order.
    early: HashSet<Box<str>>,
    early_order: VecDeque<Box<str>>,
}

impl RunningCalls {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a call. `None` if its headers contain no id.
    pub(crate) fn register(self: &Arc<Self>, headers: Option<&HeaderMap>) -> Option<RunningCall> {
        let id = headers?.get(HeaderName::from_static(CALL_ID))?.as_str();
        if id.is_empty() || id.len() > MAX_ID {
            return None;
        }
        let cancellation = Arc::new(Cancellation::default());
        let mut state = self.lock();
        if state.early.remove(id) {
            state.early_order.retain(|early| **early != *id);
            cancellation.cancel();
        }
        state.running.insert(id.into(), Arc::clone(&cancellation));
        drop(state);
        Some(RunningCall { calls: Arc::clone(self), id: id.into(), cancellation })
    }

    fn cancel(&self, id: &str) {
        if id.is_empty() || id.len() > MAX_ID {
            return;
        }
        let mut state = self.lock();
        if let Some(call) = state.running.get(id).cloned() {
            drop(state);
            call.cancel();
            return;
        }
        if state.early.insert(id.into()) {
            state.early_order.push_back(id.into());
        }
        if state.early_order.len() > MAX_EARLY
            && let Some(oldest) = state.early_order.pop_front()
        {
            state.early.remove(&oldest);
        }
    }

    /// Cancels the calls whose ids arrive, until the subscription ends.
    pub(crate) async fn cancel_received(self: Arc<Self>, mut subscriber: Subscriber) {
        while let Some(message) = subscriber.next().await {
            match std::str::from_utf8(&message.payload) {
                Ok(id) => self.cancel(id),
                Err(error) => debug!(%error, "a cancel message without an id was ignored"),
            }
        }
    }
}

/// A call that can be cancelled until this is dropped.
pub(crate) struct RunningCall {
    calls: Arc<RunningCalls>,
    id: Box<str>,
    cancellation: Arc<Cancellation>,
}

impl RunningCall {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// Waits until the caller has dropped the call.
    pub(crate) async fn cancelled(&self) {
        self.cancellation.wait().await;
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        let mut state = self.calls.lock();
        // Of two calls with the same id, each removes its own entry only.
        if state.running.get(&self.id).is_some_and(|call| Arc::ptr_eq(call, &self.cancellation)) {
            state.running.remove(&self.id);
        }
    }
}

/// Whether a call was cancelled.
#[derive(Default)]
struct Cancellation {
    is_cancelled: AtomicBool,
    notify: Notify,
}

impl Cancellation {
    fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    async fn wait(&self) {
        let notified = self.notify.notified();
        // A `Notified` receives every `notify_waiters` since it was created.
        if !self.is_cancelled() {
            notified.await;
        }
    }
}

/// Publishes the id of a call when it is dropped, unless the call has ended.
pub(crate) struct CancelOnDrop<'a> {
    client: &'a Client,
    subject: &'a Subject,
    /// `None` if the call has ended.
    id: Option<Bytes>,
}

impl<'a> CancelOnDrop<'a> {
    pub(crate) fn new(client: &'a Client, subject: &'a Subject, id: &str) -> Self {
        Self { client, subject, id: Some(Bytes::copy_from_slice(id.as_bytes())) }
    }

    pub(crate) fn disarm(mut self) {
        self.id = None;
    }
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let (client, subject) = (self.client.clone(), cancel_subject(self.subject));
        let mut publishing = Box::pin(async move {
            if let Err(error) = client.publish(subject, id).await {
                debug!(%error, "a cancel message was not sent");
            }
        });
        // The client has a queue, which is seldom full. So this needs no runtime, as on a pool's
        // thread.
        if publishing.as_mut().now_or_never().is_none()
            && let Ok(runtime) = Handle::try_current()
        {
            drop(runtime.spawn(publishing));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(id: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(CALL_ID), id);
        headers
    }

    #[test]
    fn a_cancel_reaches_the_call_with_its_id_alone() {
        let calls = Arc::new(RunningCalls::default());
        let (one, other) = (calls.register(Some(&headers("1"))), calls.register(Some(&headers("2"))));
        calls.cancel("1");
        calls.cancel("3");
        assert_eq!([one, other].map(|call| call.unwrap().is_cancelled()), [true, false]);
        assert!(calls.lock().running.is_empty(), "dropped calls are not kept");
    }

    #[test]
    fn a_cancel_may_come_before_its_call() {
        let calls = Arc::new(RunningCalls::default());
        calls.cancel("1");
        assert!(calls.register(Some(&headers("1"))).unwrap().is_cancelled());
        assert!(!calls.register(Some(&headers("1"))).unwrap().is_cancelled(), "it was for one call");
    }

    #[test]
    fn a_flood_of_cancels_is_bounded() {
        let calls = Arc::new(RunningCalls::default());
        for id in 0..100_000 {
            calls.cancel(&id.to_string());
            calls.cancel(&"x".repeat(id % 1000));
        }
        let state = calls.lock();
        assert!(state.early.len() <= MAX_EARLY && state.early_order.len() <= MAX_EARLY);
    }

    #[test]
    fn a_call_without_a_usable_id_cannot_be_cancelled() {
        let calls = Arc::new(RunningCalls::default());
        assert!(calls.register(None).is_none());
        assert!(calls.register(Some(&HeaderMap::new())).is_none());
        assert!(calls.register(Some(&headers(&"x".repeat(MAX_ID + 1)))).is_none());
    }

    #[test]
    fn the_end_of_one_of_two_calls_with_the_same_id_leaves_the_other() {
        let calls = Arc::new(RunningCalls::default());
        let one = calls.register(Some(&headers("1")));
        let other = calls.register(Some(&headers("1"))).unwrap();
        drop(one);
        calls.cancel("1");
        assert!(other.is_cancelled());
    }
}
