//! [`robust_sleep_until`]: a sleep that ends in time although a handler holds the loop.

use std::pin::pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::timer;

/// How much later than tokio's timer the timer thread looks.
const LATER: Duration = Duration::from_millis(50);

/// As tokio's `sleep_until`, but it does not depend on the loop alone.
///
/// The loop thread that waits for sockets and timers may come to run a handler that holds it. Then
/// tokio's timers stand still, although other loop threads are free. The timer thread of the
/// runtime wakes the task a moment later: another loop thread polls it, and attends to sockets and
/// timers from there on.
pub(super) async fn robust_sleep_until(when: Instant) {
    let mut sleep = pin!(sleep_until(when));
    let left = when.saturating_duration_since(Instant::now());
    // The time itself, and not the timer, says that it has come: under a paused clock it may not
    // have.
    let is_over = timer::until(timer::after(left) + LATER, |waker| {
        sleep.as_mut().poll(&mut Context::from_waker(waker)).is_ready() || Instant::now() >= when
    });
    if !is_over.await {
        sleep.await; // without a timer thread, or under a paused clock
    }
}
