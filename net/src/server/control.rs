//! Orders to a server, and [`ServerHandle`], which gives them.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;
use tokio::task;
use tokio::time::Instant;

use super::attended::attended;
use super::tasks::Tasks;
use crate::service::Stopping;
use crate::session::registry::SessionsView;
use crate::sync::Mutex;
use crate::threads::{self, ThreadName};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Starting,
    Ready,
    Ended,
}

struct Shown {
    sessions: Weak<dyn SessionsView>,
    tasks: Weak<Tasks>,
}

/// The server's reference to its [`Control`]. Dropping it ends the server for its handles, whether
/// it has served or not.
pub(super) struct OwnedControl(pub(super) Arc<Control>);

impl Drop for OwnedControl {
    fn drop(&mut self) {
        self.0.set_stage(Stage::Ended);
    }
}

/// Shared by a server and its handles.
pub(super) struct Control {
    /// When the grace is over; set by the first order to stop, only made shorter by later ones.
    until: watch::Sender<Option<Instant>>,
    stage: watch::Sender<Stage>,
    grace: Mutex<Duration>,
    /// Where the sessions and tasks are to be seen, once there may be any.
    outside: Mutex<Option<Shown>>,
}

impl Control {
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            until: watch::Sender::new(None),
            stage: watch::Sender::new(Stage::Starting),
            grace: Mutex::new(grace),
            outside: Mutex::new(None),
        }
    }

    pub(super) fn show(&self, sessions: Weak<dyn SessionsView>, tasks: Weak<Tasks>) {
        *self.outside.lock() = Some(Shown { sessions, tasks });
    }

    /// The sessions, while there may be any.
    pub(super) fn outside(&self) -> Option<Arc<dyn SessionsView>> {
        self.outside.lock().as_ref()?.sessions.upgrade()
    }

    /// The tasks, while there may be any.
    pub(super) fn tasks(&self) -> Option<Arc<Tasks>> {
        self.outside.lock().as_ref()?.tasks.upgrade()
    }

    pub(super) fn set_grace(&self, grace: Duration) {
        *self.grace.lock() = grace;
    }

    /// The order is given when this returns. In a task of a multi-threaded runtime, those who wait
    /// for it are woken by another thread: tokio would have this thread run the task that serves
    /// next, and lets no other thread take it from there. A handler that gives the order and then
    /// holds its thread would hold the stop.
    pub(super) fn stop(self: &Arc<Self>, grace: Option<Duration>) {
        let grace = grace.unwrap_or_else(|| *self.grace.lock());
        // Far enough away to be never, and near enough not to overflow a clock.
        let grace = grace.min(Duration::from_secs(60 * 60 * 24 * 365));
        let new = Instant::now() + grace;
        let wake_here = !in_task_of_many_threads();
        let mut shorter = false;
        self.until.send_if_modified(|until| {
            shorter = until.is_none_or(|old| new < old);
            if shorter {
                *until = Some(new);
            }
            shorter && wake_here
        });
        if shorter && !wake_here {
            let control = Arc::clone(self);
            let wake = move || control.wake_all();
            if threads::start(ThreadName::internal("stop"), None, wake).is_err() {
                self.wake_all();
            }
        }
    }

    /// Wakes those who wait for an order.
    fn wake_all(&self) {
        self.until.send_if_modified(|_| true);
    }

    pub(super) fn set_stage(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }

    /// Ready when the order to stop has come.
    pub(super) fn stopping(&self) -> Stopping {
        Stopping::new(self.until.subscribe())
    }

    /// Waits for the order to stop.
    pub(super) async fn stopped(&self) {
        // The sender is `self`, so waiting can't fail.
        let _ = self.until.subscribe().wait_for(Option::is_some).await;
    }

    /// Waits until nothing more is to begin: the order to stop has come, or serving was dropped.
    #[cfg(feature = "tls")]
    pub(super) async fn over(&self) {
        let mut stage = self.stage.subscribe();
        tokio::select! {
            () = self.stopped() => {}
            _ = stage.wait_for(|stage| *stage == Stage::Ended) => {}
        }
    }

    /// When the grace is over, as ordered so far; now, if nothing was ordered.
    pub(super) fn until(&self) -> Instant {
        self.until.borrow().unwrap_or_else(Instant::now)
    }

    /// Runs `work`, no longer than to the end of the grace and `beyond`, as later orders may have
    /// it.
    pub(super) async fn within<T>(&self, beyond: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut orders = self.until.subscribe();
        let mut work = std::pin::pin!(work);
        loop {
            let until = self.until() + beyond;
            tokio::select! {
                biased;
                value = &mut work => return Some(value),
                () = attended(until) => return None,
                _ = orders.changed() => {}
            }
        }
    }
}

fn in_task_of_many_threads() -> bool {
    let many = |handle: Handle| handle.runtime_flavor() != RuntimeFlavor::CurrentThread;
    task::try_id().is_some() && Handle::try_current().is_ok_and(many)
}

/// Stops a server, from anywhere: any task, any thread, a handler of the server itself.
#[derive(Clone)]
pub struct ServerHandle {
    control: Arc<Control>,
}

impl ServerHandle {
    pub(super) fn new(control: Arc<Control>) -> Self {
        Self { control }
    }

    /// Stops the server with the grace that it was built with. Returns at once; serving returns
    /// when it is done.
    ///
    /// Stopping twice is stopping once. A server that is not served yet will start and stop at
    /// once.
    pub fn stop(&self) {
        self.control.stop(None);
    }

    /// Stops the server with this grace; of several orders the one that ends first counts.
    pub fn stop_within(&self, grace: Duration) {
        self.control.stop(Some(grace));
    }

    /// Tells when the server has been told to stop: for what works beside it, and should end with
    /// it.
    pub fn stopping(&self) -> Stopping {
        self.control.stopping()
    }

    /// Waits until the server accepts connections; `false` if it ended without ever doing so, or
    /// has ended since.
    ///
    /// # Cancellation
    /// Only the waiting ends.
    pub async fn ready(&self) -> bool {
        let mut stage = self.control.stage.subscribe();
        let stage = stage.wait_for(|stage| *stage != Stage::Starting).await.map(|stage| *stage);
        stage.is_ok_and(|stage| stage == Stage::Ready)
    }
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = *self.control.stage.borrow();
        f.debug_struct("ServerHandle").field("stage", &stage).finish_non_exhaustive()
    }
}
