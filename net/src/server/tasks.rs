//! [`TaskTracker`]: the tasks that jobs of a server spawn. They end when the grace period ends.

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
    /// Where the tasks of users were spawned.
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

    /// Removes ended tasks, which would otherwise remain in the set.
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
    /// Call it on the runtime that will serve.
    pub(super) fn new() -> Self {
        Self { runtime: Handle::current(), running: Mutex::new(Some(Running::default())) }
    }

    /// Waits until no task is left, including tasks that are spawned meanwhile.
    pub(super) async fn wait(&self) {
        poll_fn(|cx| match &mut *self.running.lock() {
            None => Poll::Ready(()),
            Some(running) => running.poll_all_ended(cx),
        })
        .await;
    }

    /// Returns where the running tasks were spawned.
    pub(super) fn running_locations(&self) -> Vec<&'static Location<'static>> {
        let mut left: Vec<&'static Location<'static>> = Vec::new();
        if let Some(running) = &mut *self.running.lock() {
            running.remove_ended();
            left.extend(running.spawned.values().copied());
        }
        left.sort_by_key(|at| (at.file(), at.line(), at.column()));
        left
    }

    /// Cancels all tasks, and accepts no more.
    pub(super) fn abort(&self) {
        let running = self.running.lock().take();
        drop(running);
    }

    /// Like [`abort`](Self::abort), and waits until the tasks are dropped. A task that is being
    /// polled is dropped after that poll.
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
