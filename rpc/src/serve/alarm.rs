//! [`Alarm`]: the earliest deadline of the calls of a session.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

/// Wakes the task at a time. Calls that end before their deadlines do not move it.
pub(super) struct Alarm {
    at: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self { at: None, sleep: None }
    }

    /// Moves the alarm to `at`, unless it is earlier already.
    pub(super) fn limit(&mut self, at: Instant) {
        if self.at.is_none_or(|earliest| at < earliest) {
            self.set(Some(at));
        }
    }

    pub(super) fn is_set(&self) -> bool {
        self.at.is_some()
    }

    pub(super) fn set(&mut self, at: Option<Instant>) {
        self.at = at;
        match (at, &mut self.sleep) {
            (None, sleep) => *sleep = None,
            (Some(at), Some(sleep)) => sleep.as_mut().reset(at.into()),
            (Some(at), sleep) => *sleep = Some(Box::pin(sleep_until(at.into()))),
        }
    }

    /// Returns the time of the alarm if it has passed. Otherwise the task is woken then.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Instant> {
        let sleep = self.sleep.as_mut()?;
        if sleep.as_mut().poll(cx).is_ready() { self.at } else { None }
    }
}
