//! [`Spawn`]: runs tasks, on an executor of any make; and [`Executor`], the one that is current.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::{Interrupted, catch_and_log};

/// A task with its type forgotten.
pub type BoxTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Somewhere to run tasks: the tracker of a server, or a runtime.
///
/// Portcullis brings the implementation for tokio's [`Handle`](tokio::runtime::Handle); a program
/// on another executor implements it for that one and gives it to
/// [`Portal::new`](crate::Portal::new). It should hold its executor weakly: the tasks hold the
/// `Spawn`, and the executor holds the tasks.
pub trait Spawn: Send + Sync {
    /// Runs `task` to its end, unless the executor is shut down first: then the task is dropped.
    ///
    /// # Errors
    /// [`Interrupted::Closed`] if the executor takes no more tasks.
    fn spawn(&self, task: BoxTask) -> Result<(), Interrupted>;

    /// As [`spawn`](Self::spawn), for a task that the code at `at` has spawned: an executor that
    /// reports what is left of its tasks names them by that.
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
        // After the runtime's shutdown tokio drops the task at once: the task that waits for it is
        // woken by its drop.
        drop(tokio::runtime::Handle::spawn(self, task));
        Ok(())
    }
}

/// The executor that was current where a job was made. It runs the tasks of a job that belongs to
/// no server.
#[derive(Clone)]
pub enum Executor {
    /// There was none.
    None,
    /// A tokio runtime.
    Tokio(tokio::runtime::Handle),
    /// That of [`Portal::new`](crate::Portal::new).
    Custom(Arc<dyn Spawn>),
}

impl Executor {
    /// Makes a tokio runtime current on this thread for as long as the guard lives.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        EnterGuard(match self {
            Self::Tokio(handle) => Some(handle.enter()),
            Self::None | Self::Custom(_) => None,
        })
    }

    /// Whether [`enter`](Self::enter) would make no difference where `self` is entered.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tokio(this), Self::Tokio(that)) => this.id() == that.id(),
            (Self::Tokio(_), _) | (_, Self::Tokio(_)) => false,
            _ => true,
        }
    }

    /// The tokio runtime that is current here, if any.
    #[inline]
    pub(crate) fn current() -> Self {
        tokio::runtime::Handle::try_current().map_or(Self::None, Self::Tokio)
    }
}

/// A thread is in its job's runtime until this goes.
pub(crate) struct EnterGuard<'a>(Option<tokio::runtime::EnterGuard<'a>>);

impl Drop for EnterGuard<'_> {
    fn drop(&mut self) {
        // tokio panics here if the job has entered a runtime and not left it, which must not cost
        // the thread.
        catch_and_log("leaving a runtime", || drop(self.0.take()));
    }
}
