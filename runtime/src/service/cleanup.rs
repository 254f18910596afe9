//! [`Cleanup`]: what a server undoes at stop, in reverse.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::error::Panic;
use crate::pool::{DrainReport, Pool};

/// What the server undoes for the service at stop, last in first out.
///
/// Lent to `#[on(start)]`. It also unwinds if the start fails half-way.
#[derive(Default)]
pub struct Cleanup {
    steps: Vec<Step>,
}

enum Step {
    Run(Pin<Box<dyn Future<Output = ()> + Send>>),
    Drain(Pool),
}

/// What is left to say after the unwinding.
#[derive(Debug, Default)]
pub(crate) struct Unwound {
    pub(crate) drained: Vec<DrainReport>,
    pub(crate) unfinished: usize,
}

impl Cleanup {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Runs `step` at stop, on the loop. It is not polled before; it is dropped if the stop's time is over.
    pub fn push(&mut self, step: impl Future<Output = ()> + Send + 'static) {
        self.steps.push(Step::Run(Box::pin(step)));
    }

    /// Drains `pool` at stop, within what is left of the grace: for pools that only this service uses.
    pub fn pool(&mut self, pool: Pool) {
        self.steps.push(Step::Drain(pool));
    }

    /// Unwinds in reverse. Pools are given until `grace`, and nothing is waited for beyond `last`.
    pub(crate) async fn unwind(self, grace: Instant, last: Instant) -> Unwound {
        let mut unwound = Unwound::default();
        for step in self.steps.into_iter().rev() {
            let finished = match step {
                Step::Run(step) => timeout_at(last, caught(step)).await.is_ok(),
                Step::Drain(pool) => {
                    let deadline = grace.saturating_duration_since(Instant::now());
                    let report = timeout_at(last, pool.drain(deadline)).await;
                    report.map(|report| unwound.drained.push(report)).is_ok()
                }
            };
            if !finished {
                unwound.unfinished += 1;
                warn!("a cleanup step was not finished in time");
            }
        }
        unwound
    }
}

/// A step that panics must not keep the others from running.
async fn caught(mut step: Pin<Box<dyn Future<Output = ()> + Send>>) {
    std::future::poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| step.as_mut().poll(cx))).unwrap_or_else(|payload| {
            warn!(panic = %Panic::new(payload), "a cleanup step panicked");
            Poll::Ready(())
        })
    })
    .await;
}

impl fmt::Debug for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleanup").field("steps", &self.steps.len()).finish()
    }
}
