//! Where tasks run that a server's jobs spawn: until the grace is over, and no longer.

use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::Location;
use std::task::{Context, Poll, ready};

use tokio::runtime::Handle;
use tokio::task::{Id, JoinError, JoinSet};

use crate::error::Interrupted;
use crate::spawn::{BoxTask, Spawn};
use crate::sync::Mutex;

pub(super) struct TaskTracker {
    runtime: Handle,
    /// `None` when the server has stopped.
    running: Mutex<Option<Running>>,
}

#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    /// Where those were spawned that are the user's.
    spawned: HashMap<Id, &'static Location<'static>>,
}

impl Running {
    /// Ready when no task is left.
    fn poll_all_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(ended) = ready!(self.tasks.poll_join_next_with_id(cx)) {
            self.spawned.remove(&id_of(ended));
        }
        Poll::Ready(())
    }

    /// Those that have ended would stay in the set for ever.
    fn remove_ended(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.spawned.remove(&id_of(ended));
        }
    }
}

fn id_of(ended: Result<(Id, ()), JoinError>) -> Id {
    ended.map_or_else(|error| error.id(), |(id, ())| id)
}

impl TaskTracker {
    /// Must be called on the runtime that will serve.
    pub(super) fn new() -> Self {
        Self { runtime: Handle::current(), running: Mutex::new(Some(Running::default())) }
    }

    /// Waits until no task is left, also for those that come meanwhile.
    pub(super) async fn wait(&self) {
        poll_fn(|cx| match &mut *self.running.lock() {
            None => Poll::Ready(()),
            Some(running) => running.poll_all_ended(cx),
        })
        .await;
    }

    /// Where the tasks were spawned that are still running.
    pub(super) fn running_locations(&self) -> Vec<&'static Location<'static>> {
        let mut left: Vec<&'static Location<'static>> = Vec::new();
        if let Some(running) = &mut *self.running.lock() {
            running.remove_ended();
            left.extend(running.spawned.values().copied());
        }
        left.sort_by_key(|at| (at.file(), at.line(), at.column()));
        left
    }

    /// Cancels what runs, and takes nothing more.
    pub(super) fn abort(&self) {
        let running = self.running.lock().take();
        drop(running);
    }

    /// As [`abort`](Self::abort), and waits until the tasks are gone: one that is being polled goes
    /// after that poll.
    pub(super) async fn abort_and_wait(&self) {
        let running = self.running.lock().take();
        if let Some(mut running) = running {
            running.tasks.shutdown().await;
        }
    }

    fn start(&self, task: BoxTask, at: Option<&'static Location<'static>>) -> Result<(), Interrupted> {
        let mut running = self.running.lock();
        let running = running.as_mut().ok_or(Interrupted::Closed)?;
        running.remove_ended();
        let id = running.tasks.spawn_on(task, &self.runtime).id();
        running.spawned.extend(at.map(|at| (id, at)));
        Ok(())
    }
}

impl Spawn for TaskTracker {
    fn spawn(&self, task: BoxTask) -> Result<(), Interrupted> {
        self.start(task, None)
    }

    fn spawn_at(&self, task: BoxTask, at: &'static Location<'static>) -> Result<(), Interrupted> {
        self.start(task, Some(at))
    }
}
