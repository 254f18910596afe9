//! [`Cleanup`]: what a server undoes at stop, in reverse.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::{fmt, mem};

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::Stopping;

use portcullis_runtime::Portal;
use portcullis_runtime::internal::error::CatchUnwind;
use portcullis_runtime::internal::scope::Scope;
use portcullis_runtime::{DrainReport, Pool};

/// What the server undoes for the service at stop, last in first out.
///
/// Lent to `#[on(start)]`. It also unwinds if the start fails half-way. Background tasks of the
/// server begin here too: [`spawn`](Self::spawn).
pub struct Cleanup {
    steps: Vec<Action>,
    /// `None`: of no server.
    scope: Option<Arc<Scope>>,
    stopping: Stopping,
    /// Each background task holds a sender; the receiver completes when the last task has ended.
    background: (mpsc::Sender<Infallible>, mpsc::Receiver<Infallible>),
}

/// A cleanup of no server, whose stop never begins: for tests of a hook on its own.
impl Default for Cleanup {
    fn default() -> Self {
        Self { steps: Vec::new(), scope: None, stopping: Stopping::never(), background: mpsc::channel(1) }
    }
}

enum Action {
    Run(Pin<Box<dyn Future<Output = ()> + Send>>),
    Drain(Pool),
}

/// What came of the steps of a [`Cleanup`].
#[derive(Debug, Default)]
pub struct CleanupReport {
    /// The pools that were drained.
    pub drained: Vec<DrainReport>,
    /// How many steps were not finished in time.
    pub unfinished: usize,
}

impl Cleanup {
    /// For a server whose jobs are in `scope`.
    #[doc(hidden)]
    pub fn new(scope: Arc<Scope>, stopping: Stopping) -> Self {
        Self { scope: Some(scope), stopping, ..Self::default() }
    }

    /// Spawns a background task that ends with the server: a metrics report, a sweep of a cache, a
    /// subscription.
    ///
    /// The task is cancelled as soon as the stop begins: its future is dropped at the await where
    /// it is. So it never makes a stop last. It has ended before `#[on(stop)]` runs and before the
    /// cleanup is undone. A task with something to do at the end, such as a last flush, is spawned
    /// by [`Portal::spawn`](portcullis_runtime::Portal::spawn) and watches
    /// [`stopping`](Self::stopping): the stop waits for it until the grace is over.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use portcullis::Cleanup;
    /// # fn report() {}
    /// # fn on_start(cleanup: &mut Cleanup) {
    /// cleanup.spawn(async {
    ///     loop {
    ///         tokio::time::sleep(Duration::from_secs(10)).await;
    ///         report();
    ///     }
    /// });
    /// # }
    /// ```
    ///
    /// A panic of the task is logged, and ends that task alone.
    #[track_caller]
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let (stopping, running) = (self.stopping.clone(), self.background.0.clone());
        let task = async move {
            // Declared first, so that it is dropped after the task itself.
            let _running = running;
            let mut task = Box::pin(task);
            tokio::select! {
                biased;
                () = stopping.wait() => {}
                () = &mut task => {}
            }
            drop(task);
        };
        let portal = self.scope.clone().map_or_else(Portal::current, |scope| Ok(Portal::of(scope)));
        match portal {
            Ok(portal) => portal.spawn(task).detach(),
            Err(error) => warn!(%error, "a background task was not spawned"),
        }
    }

    /// Tells when the server's stop begins.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use portcullis::{Cleanup, Interrupted, Portal};
    /// # async fn flush() {}
    /// # fn on_start(cleanup: &mut Cleanup) -> Result<(), Interrupted> {
    /// let stopping = cleanup.stopping();
    /// Portal::current()?.spawn(async move {
    ///     loop {
    ///         tokio::select! {
    ///             () = stopping.wait() => break,
    ///             () = tokio::time::sleep(Duration::from_secs(10)) => flush().await,
    ///         }
    ///     }
    ///     flush().await; // the stop waits for this, until the grace is over
    /// }).detach();
    /// # Ok(())
    /// # }
    /// ```
    pub fn stopping(&self) -> Stopping {
        self.stopping.clone()
    }

    /// Waits until the background tasks, which the stop has cancelled, have ended.
    #[doc(hidden)]
    pub async fn wait_for_background(&mut self) {
        let (ours, mut ended) = mem::replace(&mut self.background, mpsc::channel(1));
        drop(ours);
        let _: Option<Infallible> = ended.recv().await;
    }

    /// Runs `step` at stop, on the loop. It is not polled before; it is dropped if the stop's time
    /// is over.
    pub fn push(&mut self, step: impl Future<Output = ()> + Send + 'static) {
        self.steps.push(Action::Run(Box::pin(step)));
    }

    /// Drains `pool` at stop, within what is left of the grace: for pools that only this service
    /// uses.
    pub fn pool(&mut self, pool: Pool) {
        self.steps.push(Action::Drain(pool));
    }

    /// Unwinds in reverse. Pools are given until `grace`, and nothing is waited for beyond `last`.
    #[doc(hidden)]
    pub async fn run(self, grace_deadline: Instant, hard_deadline: Instant) -> CleanupReport {
        let mut report = CleanupReport::default();
        for step in self.steps.into_iter().rev() {
            let finished = match step {
                Action::Run(step) => timeout_at(hard_deadline, catch_panic(step)).await.is_ok(),
                Action::Drain(pool) => {
                    let deadline = grace_deadline.saturating_duration_since(Instant::now());
                    let drained = timeout_at(hard_deadline, pool.drain(deadline)).await;
                    drained.map(|drained| report.drained.push(drained)).is_ok()
                }
            };
            if !finished {
                report.unfinished += 1;
                warn!("a cleanup step was not finished in time");
            }
        }
        report
    }
}

/// A step that panics must not keep the others from running.
async fn catch_panic(step: Pin<Box<dyn Future<Output = ()> + Send>>) {
    if let Err(panic) = CatchUnwind::new(step).await {
        warn!(%panic, "a cleanup step panicked");
    }
}

impl fmt::Debug for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleanup").field("steps", &self.steps.len()).finish()
    }
}
