//! The shared control state of a server: its lifecycle and shutdown deadline. [`ServerHandle`] is
//! the public side.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;
use tokio::task;
use tokio::time::Instant;

use super::robust_sleep::robust_sleep_until;
use super::tasks::TaskTracker;
use crate::service::{AnyPeer, Stopping};
use crate::session::registry::SessionsView;
use crate::sync::Mutex;
use crate::threads::{self, ThreadName};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifecycle {
    Starting,
    Ready,
    Ended,
}

struct Views {
    sessions: Weak<dyn SessionsView>,
    tasks: Weak<TaskTracker>,
}

/// The server's reference to its [`Control`]. Dropping it ends the server for its handles, whether
/// it has served or not.
pub(super) struct OwnedControl(pub(super) Arc<Control>);

impl Drop for OwnedControl {
    fn drop(&mut self) {
        self.0.set_lifecycle(Lifecycle::Ended);
    }
}

/// Shared by a server and its handles.
pub(super) struct Control {
    /// The end of the grace period. The first stop sets it; later stops can only make it earlier.
    shutdown_deadline: watch::Sender<Option<Instant>>,
    lifecycle: watch::Sender<Lifecycle>,
    grace: Mutex<Duration>,
    /// Views of the sessions and tasks, after serving has begun.
    views: Mutex<Option<Views>>,
}

impl Control {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            shutdown_deadline: watch::Sender::new(None),
            lifecycle: watch::Sender::new(Lifecycle::Starting),
            grace: Mutex::new(grace),
            views: Mutex::new(None),
        }
    }

    pub(super) fn set_views(&self, sessions: Weak<dyn SessionsView>, tasks: Weak<TaskTracker>) {
        *self.views.lock() = Some(Views { sessions, tasks });
    }

    /// Returns the sessions, while the server runs.
    pub(super) fn sessions(&self) -> Option<Arc<dyn SessionsView>> {
        self.views.lock().as_ref()?.sessions.upgrade()
    }

    /// Returns the tasks, while the server runs.
    pub(super) fn tasks(&self) -> Option<Arc<TaskTracker>> {
        self.views.lock().as_ref()?.tasks.upgrade()
    }

    pub(super) fn set_grace(&self, grace: Duration) {
        *self.grace.lock() = grace;
    }

    /// Requests the stop. In a task of a multi-threaded runtime, another thread wakes the waiting
    /// tasks: tokio would schedule the serving task as the next task of this thread, from where no
    /// other thread can steal it. A handler that stops the server and then blocks its thread would
    /// block the stop.
    pub(super) fn stop(self: &Arc<Self>, grace: Option<Duration>) {
        let grace = grace.unwrap_or_else(|| *self.grace.lock());
        // A year is practically unlimited, and does not overflow the clock.
        let grace = grace.min(Duration::from_secs(60 * 60 * 24 * 365));
        let new = Instant::now() + grace;
        let wake_here = !is_in_multi_thread_task();
        let mut shorter = false;
        self.shutdown_deadline.send_if_modified(|until| {
            shorter = until.is_none_or(|old| new < old);
            if shorter {
                *until = Some(new);
            }
            shorter && wake_here
        });
        if shorter && !wake_here {
            let control = Arc::clone(self);
            let wake = move || control.notify_waiters();
            if threads::start(ThreadName::internal("stop"), None, wake).is_err() {
                self.notify_waiters();
            }
        }
    }

    /// Wakes the tasks that wait for a stop.
    fn notify_waiters(&self) {
        self.shutdown_deadline.send_if_modified(|_| true);
    }

    pub(super) fn set_lifecycle(&self, lifecycle: Lifecycle) {
        self.lifecycle.send_replace(lifecycle);
    }

    /// Returns a future that completes when a stop is requested.
    pub(super) fn stopping(&self) -> Stopping {
        Stopping::new(self.shutdown_deadline.subscribe())
    }

    /// Waits until a stop is requested.
    pub(super) async fn wait_for_stop(&self) {
        // The sender is `self`, so waiting can't fail.
        let _ = self.shutdown_deadline.subscribe().wait_for(Option::is_some).await;
    }

    /// Waits until a stop is requested, or serving has ended or was dropped.
    #[cfg(feature = "tls")]
    pub(super) async fn wait_for_stop_or_end(&self) {
        let mut lifecycle = self.lifecycle.subscribe();
        tokio::select! {
            () = self.wait_for_stop() => {}
            _ = lifecycle.wait_for(|lifecycle| *lifecycle == Lifecycle::Ended) => {}
        }
    }

    /// Returns the end of the grace period, or now if no stop was requested.
    pub(super) fn shutdown_deadline(&self) -> Instant {
        self.shutdown_deadline.borrow().unwrap_or_else(Instant::now)
    }

    /// Runs `work` until `extra` after the end of the grace period. Follows changes of that
    /// deadline. Returns `None` if `work` did not finish.
    pub(super) async fn run_until_deadline<T>(
        &self,
        extra: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut orders = self.shutdown_deadline.subscribe();
        let mut work = std::pin::pin!(work);
        loop {
            let until = self.shutdown_deadline() + extra;
            tokio::select! {
                biased;
                value = &mut work => return Some(value),
                () = robust_sleep_until(until) => return None,
                _ = orders.changed() => {}
            }
        }
    }
}

fn is_in_multi_thread_task() -> bool {
    let is_multi_thread = |handle: Handle| handle.runtime_flavor() != RuntimeFlavor::CurrentThread;
    task::try_id().is_some() && Handle::try_current().is_ok_and(is_multi_thread)
}

/// Stops a server. Usable from any task, any thread, and handlers of the server itself.
#[derive(Clone)]
pub struct ServerHandle {
    control: Arc<Control>,
}

impl ServerHandle {
    pub(super) fn new(control: Arc<Control>) -> Self {
        Self { control }
    }

    /// Stops the server with its configured grace period. Returns at once; `serve` returns when the
    /// stop is complete.
    ///
    /// Further calls have no effect. A server that is not serving yet will start and stop
    /// immediately.
    pub fn stop(&self) {
        self.control.stop(None);
    }

    /// Stops the server with this grace period. Of several stops, the one with the earliest
    /// deadline applies.
    pub fn stop_within(&self, grace: Duration) {
        self.control.stop(Some(grace));
    }

    /// Returns a future that completes when the stop begins, for tasks that should end with the
    /// server.
    pub fn stopping(&self) -> Stopping {
        self.control.stopping()
    }

    /// Returns a handle on each session that has not ended, in no particular order: for an admin
    /// page, or to close the sessions of one address.
    ///
    /// A connection is listed from the moment it is accepted, and so during a TLS handshake. The
    /// list is empty before the server serves and after its stop. Returns at once; takes a lock
    /// that accepting takes too, for a time that grows with the number of sessions.
    ///
    /// ```
    /// # use std::net::IpAddr;
    /// # use portcullis::ServerHandle;
    /// fn ban(server: &ServerHandle, ip: IpAddr) {
    ///     let peers = server.peers().into_iter();
    ///     peers.filter(|peer| peer.addr().is_some_and(|addr| addr.ip() == ip)).for_each(|peer| peer.abort());
    /// }
    /// ```
    pub fn peers(&self) -> Vec<AnyPeer> {
        self.control.sessions().map(|sessions| sessions.peers()).unwrap_or_default()
    }

    /// Waits until the server accepts connections. Returns `false` if it ended before, or has ended
    /// since.
    ///
    /// # Cancellation
    /// Dropping the future does not affect the server.
    pub async fn ready(&self) -> bool {
        let mut lifecycle = self.control.lifecycle.subscribe();
        let lifecycle = lifecycle
            .wait_for(|lifecycle| *lifecycle != Lifecycle::Starting)
            .await
            .map(|lifecycle| *lifecycle);
        lifecycle.is_ok_and(|lifecycle| lifecycle == Lifecycle::Ready)
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lifecycle = *self.control.lifecycle.borrow();
        f.debug_struct("ServerHandle").field("lifecycle", &lifecycle).finish_non_exhaustive()
    }
}
