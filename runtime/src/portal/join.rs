//! Waiting for several [`PortalTask`]s on a thread.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use super::PortalTask;
use crate::error::Interrupted;
use crate::worker::{Wait, Worker};

/// Waits on this thread for `tasks`, and gives their results as they complete, each with its place
/// in `tasks`. (Python: `concurrent.futures.as_completed`.)
///
/// Dropping the iterator detaches the tasks that are left. If this thread's own wait is cut short
/// (its job is cancelled, past its deadline, abandoned), each task that is left is reported with
/// that reason, and detached.
pub fn as_completed<T, I>(worker: &Worker, tasks: I) -> AsCompleted<'_, T>
where
    T: Send + 'static,
    I: IntoIterator<Item = PortalTask<T>>,
{
    AsCompleted { worker, left: Ok(tasks.into_iter().enumerate().collect()) }
}

/// Waits on this thread for all of `tasks`; their results stand in the order of `tasks`.
///
/// # Errors
/// As [`Wait::wait`], if this thread's own wait is cut short; the tasks are detached then.
#[track_caller]
pub fn join_all<T, I>(worker: &Worker, tasks: I) -> Result<Vec<Result<T, Interrupted>>, Interrupted>
where
    T: Send + 'static,
    I: IntoIterator<Item = PortalTask<T>>,
{
    let tasks: Vec<_> = tasks.into_iter().collect();
    let all = async move {
        let mut results = Vec::with_capacity(tasks.len());
        for task in tasks {
            results.push(task.await);
        }
        results
    };
    all.wait(worker)
}

/// The iterator of [`as_completed`].
#[derive(Debug)]
#[must_use = "an iterator does nothing until it is asked"]
pub struct AsCompleted<'a, T> {
    worker: &'a Worker,
    /// The tasks that are left; or why the wait was cut short, and how many were left then.
    left: Result<Placed<T>, (Interrupted, Vec<usize>)>,
}

impl<T: Send + 'static> Iterator for AsCompleted<'_, T> {
    type Item = (usize, Result<T, Interrupted>);

    #[track_caller]
    fn next(&mut self) -> Option<Self::Item> {
        let tasks = match &mut self.left {
            Ok(tasks) if tasks.is_empty() => return None,
            Ok(tasks) => std::mem::take(tasks),
            Err((why, places)) => return places.pop().map(|place| (place, Err(why.duplicate()))),
        };
        let mut places: Vec<_> = tasks.iter().rev().map(|(place, _)| *place).collect();
        match first(tasks).wait(self.worker) {
            Ok((place, result, rest)) => {
                self.left = Ok(rest);
                Some((place, result))
            }
            Err(why) => {
                let place = places.pop()?;
                let first = why.duplicate();
                self.left = Err((why, places));
                Some((place, Err(first)))
            }
        }
    }
}

/// Tasks, each with its place.
type Placed<T> = Vec<(usize, PortalTask<T>)>;

/// The first of `tasks` to be done, and the others.
async fn first<T>(mut tasks: Placed<T>) -> (usize, Result<T, Interrupted>, Placed<T>) {
    let (at, result) = poll_fn(|cx| {
        for (at, (_, task)) in tasks.iter_mut().enumerate() {
            if let Poll::Ready(result) = Future::poll(Pin::new(task), cx) {
                return Poll::Ready((at, result));
            }
        }
        Poll::Pending
    })
    .await;
    let (place, _) = tasks.remove(at);
    (place, result, tasks)
}
