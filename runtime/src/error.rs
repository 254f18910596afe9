//! [`Interrupted`]: the one error of every crossing between the loop and a thread.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{error, fmt, io};

/// Why a crossing between the loop and a thread did not end with its value.
///
/// Every [`Offload`](crate::Offload), every [`Wait::wait`](crate::Wait::wait) and every portal call
/// ends either with what the user's code returned or with one of these. A `#[blocking]` method that
/// returns `Result<T, E>` turns it into `E` by `From<Interrupted>`.
///
/// Each variant says one thing about the work:
///
/// | variant | the work |
/// |---|---|
/// | [`Full`](Self::Full), [`Overloaded`](Self::Overloaded), [`Shed`](Self::Shed), [`Closed`](Self::Closed), [`TooDeep`](Self::TooDeep), [`NoRuntime`](Self::NoRuntime), [`OnEventLoop`](Self::OnEventLoop) | never ran |
/// | [`Deadline`](Self::Deadline), [`Cancelled`](Self::Cancelled) | never ran (`began` is false), or was cancelled while running |
/// | [`Panicked`](Self::Panicked) | ran and panicked |
/// | [`Abandoned`](Self::Abandoned) | was dropped by the loop before it was done |
///
/// [`began`](Self::began) says for all of them whether the work may be repeated safely.
#[derive(Debug)]
#[non_exhaustive]
pub enum Interrupted {
    /// The pool's queue is full and its [`Overflow`](crate::Overflow) is `Reject`; a thread could
    /// not be created; or too many functions of
    /// [`Portal::call_soon`](crate::Portal::call_soon) wait for the loop.
    Full,
    /// The pool cannot run the job by its deadline, because the jobs in its queue take too long; or
    /// the job waited for too long in a queue with a
    /// [limit of the delay](crate::PoolBuilder::queue_delay).
    Overloaded {
        /// When the jobs that are queued now should be done: a good time to try again.
        retry_after: Duration,
    },
    /// The pool's queue was full, and this job, the oldest in it, left it for a newer one
    /// ([`Overflow::ShedOldest`](crate::Overflow::ShedOldest)).
    Shed,
    /// The deadline passed, counted from the call: while queued (the job never ran) or while
    /// running (its next `check` fails).
    Deadline {
        /// See [`Interrupted::began`].
        began: bool,
    },
    /// The work was cancelled: its future was dropped, its task cancelled, or a drain ran out of
    /// time.
    Cancelled {
        /// See [`Interrupted::began`].
        began: bool,
    },
    /// The work panicked; the payload is kept.
    Panicked(Panic),
    /// A worker waited for the loop, and the task that should have answered was dropped.
    Abandoned,
    /// The pool is draining, or the server that ran the portal has stopped.
    Closed,
    /// A task was to be spawned with neither a server nor a tokio runtime to run it.
    NoRuntime,
    /// The loop's own thread asked to wait for the loop, which would never end.
    OnEventLoop,
    /// Loop and pool called each other more than 64 levels deep.
    TooDeep,
}

impl Interrupted {
    /// Whether the work has begun, or may have. `false`: it has not begun and never will, so it can
    /// be repeated without being done twice.
    ///
    /// For a job this is exact if it never left the queue. The errors that a worker gets in a wait
    /// or from [`check`](crate::Worker::check) are about its own job, which has begun.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use portcullis_runtime::Pool;
    /// # futures::executor::block_on(async {
    /// let pool = Pool::builder("db").threads(1).build().unwrap();
    /// let first = pool.run(|_| std::thread::sleep(Duration::from_millis(20)));
    /// let queued = pool.job("insert").deadline(Duration::from_millis(1)).run(|_| ());
    /// assert!(!queued.await.unwrap_err().began());
    /// first.await.unwrap();
    /// # });
    /// ```
    pub fn began(&self) -> bool {
        match self {
            Self::Deadline { began } | Self::Cancelled { began } => *began,
            Self::Panicked(_) | Self::Abandoned => true,
            Self::Full
            | Self::Overloaded { .. }
            | Self::Shed
            | Self::Closed
            | Self::NoRuntime
            | Self::OnEventLoop
            | Self::TooDeep => false,
        }
    }

    /// A copy of the error, for several tasks that waited for the same job. (A panic's payload goes
    /// to one of them.)
    pub(crate) fn duplicate(&self) -> Self {
        match self {
            Self::Full => Self::Full,
            Self::Overloaded { retry_after } => Self::Overloaded { retry_after: *retry_after },
            Self::Shed => Self::Shed,
            Self::Deadline { began } => Self::Deadline { began: *began },
            Self::Cancelled { began } => Self::Cancelled { began: *began },
            Self::Panicked(panic) => Self::Panicked(Panic::new(Box::new(panic.message().to_owned()))),
            Self::Abandoned => Self::Abandoned,
            Self::Closed => Self::Closed,
            Self::NoRuntime => Self::NoRuntime,
            Self::OnEventLoop => Self::OnEventLoop,
            Self::TooDeep => Self::TooDeep,
        }
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the queue is full",
            Self::Overloaded { retry_after } => {
                return write!(f, "the pool is overloaded: try again after {retry_after:.0?}");
            }
            Self::Shed => "removed from the full queue in favour of a newer job",
            Self::Deadline { began: true } => "the deadline passed",
            Self::Deadline { began: false } => "the deadline passed before the job began",
            Self::Cancelled { began: true } => "cancelled",
            Self::Cancelled { began: false } => "cancelled before it began",
            Self::Panicked(panic) => return write!(f, "panicked: {}", panic.message()),
            Self::Abandoned => "the task that awaits the job was dropped",
            Self::Closed => "the pool or the server is closed",
            Self::NoRuntime => "no async runtime to run the task on",
            Self::OnEventLoop => "blocking wait on a thread of the event loop",
            Self::TooDeep => "more than 64 nested calls between event loop and pools",
        })
    }
}

impl error::Error for Interrupted {}

/// 503 where trying again later may help, 504 past the deadline, 500 for a panic; the text says
/// why.
#[cfg(feature = "axum")]
impl axum_core::response::IntoResponse for Interrupted {
    fn into_response(self) -> axum_core::response::Response {
        let status: u16 = match self {
            Self::Deadline { .. } => 504,
            Self::Panicked(_) => 500,
            _ => 503,
        };
        let retry_after = match self {
            Self::Overloaded { retry_after } => Some(whole_seconds(retry_after)),
            _ => None,
        };
        // The message of a panic belongs in the log, not in the response.
        let text = match self {
            Self::Panicked(_) => "internal error".to_owned(),
            other => other.to_string(),
        };
        let mut response = text.into_response();
        if let Ok(status) = status.try_into() {
            *response.status_mut() = status;
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert("retry-after", seconds.into());
        }
        response
    }
}

/// At least `time`, and at least one second: the header knows no less.
#[cfg(feature = "axum")]
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1)
}

/// Keeps the `Interrupted` as the source: `error.get_ref()` finds it again.
impl From<Interrupted> for io::Error {
    fn from(interrupted: Interrupted) -> Self {
        let kind = match interrupted {
            Interrupted::Deadline { .. } => io::ErrorKind::TimedOut,
            Interrupted::Full | Interrupted::Shed | Interrupted::Overloaded { .. } => {
                io::ErrorKind::ResourceBusy
            }
            Interrupted::Cancelled { .. } | Interrupted::Abandoned => io::ErrorKind::ConnectionAborted,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, interrupted)
    }
}

/// The payload of a panic that was caught at a crossing.
///
/// A payload is `Send` but not `Sync`; a lock guards it, so that errors which hold it stay
/// `Sync` (and `?` into `anyhow::Error` works).
pub struct Panic(Box<Caught>);

/// Boxed, so that results, which rarely contain one, stay small.
struct Caught {
    payload: Mutex<Payload>,
    message: String,
}

/// What a panic was raised with: a value of the user's, whose drop may panic where nothing catches
/// it. Empty when it was taken.
struct Payload(Option<Box<dyn Any + Send>>);

impl Drop for Payload {
    fn drop(&mut self) {
        let payload = self.0.take();
        if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            // Each may be followed by the next, so this one is leaked.
            std::mem::forget(another);
        }
    }
}

impl Panic {
    /// For the crates of this workspace.
    #[doc(hidden)]
    pub fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
            (Some(text), _) => (*text).to_owned(),
            (_, Some(text)) => text.clone(),
            _ => "a payload that is not a string".to_owned(),
        };
        Self(Box::new(Caught { payload: Mutex::new(Payload(Some(payload))), message }))
    }

    /// What the panic said, if its payload was a string.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Goes on panicking with the original payload, as [`std::panic::resume_unwind`] does.
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(self.into_payload())
    }

    /// The original payload, to be downcast.
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        let mut payload = self.0.payload.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Taken here only, and with it goes the panic.
        payload.0.take().unwrap_or_else(|| Box::new(()))
    }
}

/// Calls `f`, and returns its panic as an error.
pub fn catch_panic<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic::new)
}

pin_project_lite::pin_project! {
    /// Polls a future, and returns its panic as an error. The future must not be polled again after
    /// that.
    pub struct CatchUnwind<F> {
        #[pin]
        future: F,
    }
}

impl<F> CatchUnwind<F> {
    /// Catches the panic of `future`.
    pub fn new(future: F) -> Self {
        Self { future }
    }
}

impl<F: Future> Future for CatchUnwind<F> {
    type Output = Result<F::Output, Panic>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        match catch_panic(|| future.poll(cx)) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// Runs `f`, which calls or drops the user's code, on a thread that must outlive a panic: a panic
/// is logged.
pub fn catch_and_log(what: &str, f: impl FnOnce()) {
    let Err(panic) = catch_panic(f) else { return };
    // The subscriber, and the drop of the payload, are the user's code, too.
    let log = || tracing::error!(%panic, "a panic in {what}");
    if let Err(payload) = catch_unwind(AssertUnwindSafe(log)) {
        std::mem::forget(payload);
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panic").field(&self.0.message).finish()
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use axum_core::response::IntoResponse;

    use super::*;

    #[test]
    fn a_response_says_what_happened_and_keeps_a_panic_to_itself() {
        let status = |interrupted: Interrupted| interrupted.into_response().status().as_u16();
        assert_eq!(status(Interrupted::Full), 503);
        assert_eq!(status(Interrupted::Closed), 503);
        assert_eq!(status(Interrupted::Deadline { began: true }), 504);
        let retry_after = Duration::from_millis(1_200);
        let response = Interrupted::Overloaded { retry_after }.into_response();
        assert_eq!(response.status().as_u16(), 503);
        assert_eq!(response.headers()["retry-after"], "2");
        let response = Interrupted::Overloaded { retry_after: Duration::ZERO }.into_response();
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(status(Interrupted::Panicked(Panic::new(Box::new("secret")))), 500);
    }
}
