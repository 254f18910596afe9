//! [`robust_sleep_until`]: a sleep that ends in time although a handler blocks a thread of the
//! event loop.

use std::pin::pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::timer;

/// How much later than tokio's timer the timer thread fires.
const LATER: Duration = Duration::from_millis(50);

/// Like tokio's `sleep_until`, but does not depend on the event loop alone.
///
/// In tokio, one thread of the runtime waits for sockets and timers. If that thread then runs a
/// handler that blocks, no timer fires although other threads are idle. The timer thread of
/// `portcullis-runtime` wakes the task a moment later: another thread polls it, and drives sockets
/// and timers from there on.
pub(super) async fn robust_sleep_until(when: Instant) {
    let mut sleep = pin!(sleep_until(when));
    let left = when.saturating_duration_since(Instant::now());
    // Compare the clock and not the timer: a paused clock may not have reached `when`.
    let is_over = timer::until(timer::after(left) + LATER, |waker| {
        sleep.as_mut().poll(&mut Context::from_waker(waker)).is_ready() || Instant::now() >= when
    });
    if !is_over.await {
        sleep.await; // without a timer thread, or under a paused clock
    }
}
