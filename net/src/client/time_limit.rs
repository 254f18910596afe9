//! Time limits of the operations of clients and endpoints.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// Awaits `work` until `deadline`. `None` is no limit.
///
/// # Errors
/// Those of `work`; `TimedOut`.
pub(crate) async fn with_deadline<T, E: From<io::Error>>(
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match deadline {
        None => work.await,
        Some(deadline) => timeout_at(deadline, work)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into())),
    }
}

/// Awaits `work` for at most `timeout`. `None` is no limit.
///
/// # Errors
/// As [`with_deadline`].
pub async fn with_timeout<T, E: From<io::Error>>(
    timeout: Option<Duration>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    with_deadline(deadline_after(timeout), work).await
}

/// Returns the point in time after `timeout` by tokio's clock, which tests can pause. `None` is
/// never, and so is a point that the clock cannot represent.
pub(crate) fn deadline_after(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}

/// Like [`deadline_after`], by the clock of the system.
pub(crate) fn std_deadline_after(timeout: Option<Duration>) -> Option<std::time::Instant> {
    timeout.and_then(|timeout| std::time::Instant::now().checked_add(timeout))
}
