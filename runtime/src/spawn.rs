//! [`Spawn`]: somewhere to run tasks, of no particular make.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;

use crate::error::Interrupted;

/// A task with its type forgotten.
pub type BoxTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Somewhere to run tasks: the tracker of a server, or a runtime.
///
/// Portcullis brings the implementation for tokio's [`Handle`](tokio::runtime::Handle); a program on another executor
/// implements it for that one and gives it to [`Portal::new`](crate::Portal::new). It should hold its executor weakly: the
/// tasks hold the `Spawn`, and the executor holds the tasks.
pub trait Spawn: Send + Sync {
    /// Runs `task` to its end, unless the executor is shut down first: then the task is dropped.
    ///
    /// # Errors
    /// [`Interrupted::Closed`] if the executor takes no more tasks.
    fn spawn(&self, task: BoxTask) -> Result<(), Interrupted>;

    /// As [`spawn`](Self::spawn), for a task that the code at `at` has spawned: an executor that reports what is left of its
    /// tasks names them by that.
    ///
    /// # Errors
    /// As `spawn`.
    fn spawn_at(&self, task: BoxTask, at: &'static Location<'static>) -> Result<(), Interrupted> {
        let _ = at;
        self.spawn(task)
    }
}

impl Spawn for tokio::runtime::Handle {
    fn spawn(&self, task: BoxTask) -> Result<(), Interrupted> {
        // After the runtime's shutdown tokio drops the task at once: whoever waits for it is told by its drop.
        drop(tokio::runtime::Handle::spawn(self, task));
        Ok(())
    }
}
