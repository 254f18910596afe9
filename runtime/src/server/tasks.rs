//! Where tasks run that a server's jobs spawn: until the grace is over, and no longer.

use std::future::poll_fn;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::error::Interrupted;
use crate::spawn::{BoxTask, Spawn};
use crate::sync::Mutex;

pub(super) struct Tasks {
    runtime: Handle,
    /// `None` when the server has stopped.
    running: Mutex<Option<JoinSet<()>>>,
}

impl Tasks {
    /// Must be called on the runtime that will serve.
    pub(super) fn new() -> Self {
        Self { runtime: Handle::current(), running: Mutex::new(Some(JoinSet::new())) }
    }

    /// Waits until no task is left, also for those that come meanwhile.
    pub(super) async fn finished(&self) {
        poll_fn(|cx| match &mut *self.running.lock() {
            None => Poll::Ready(()),
            Some(tasks) => loop {
                match tasks.poll_join_next(cx) {
                    Poll::Ready(Some(_)) => {}
                    Poll::Ready(None) => break Poll::Ready(()),
                    Poll::Pending => break Poll::Pending,
                }
            },
        })
        .await;
    }

    /// Cancels what runs, and takes nothing more.
    pub(super) fn abort(&self) {
        let tasks = self.running.lock().take();
        drop(tasks);
    }

    /// As [`abort`](Self::abort), and waits until the tasks are gone: one that is being polled goes after that poll.
    pub(super) async fn end(&self) {
        let tasks = self.running.lock().take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
    }
}

impl Spawn for Tasks {
    fn spawn(&self, task: BoxTask) -> Result<(), Interrupted> {
        let mut running = self.running.lock();
        let tasks = running.as_mut().ok_or(Interrupted::Closed)?;
        // Those that have ended would stay in the set for ever.
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(task, &self.runtime);
        Ok(())
    }
}
