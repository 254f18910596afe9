//! Polls a future on the worker's own thread: what [`Wait::wait`](super::Wait::wait) does.
//!
//! The thread polls the future, parks while it is pending, and polls again when its waker is
//! called. It parks as in every other wait of a worker, so a cancellation, a deadline and a drain
//! end the wait, and jobs that are handed off to the thread run meanwhile.
//!
//! | step | ends the wait | next step |
//! |---|---|---|
//! | the job is cancelled already | the cancel reason; the future is never polled | – |
//! | poll | the output, or the panic | the waker was called meanwhile: poll; else park |
//! | park | the job is cancelled, or its runtime was shut down | the waker is called: poll |
//!
//! The waker belongs to the job, not to the wait: a job allocates it at its first wait.

use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Wake, Waker};

use tokio::task::coop::unconstrained;

use crate::context;
use crate::error::{Interrupted, catch_and_log, catch_panic};
use crate::hooks::Hooks;
use crate::job::Host;
use crate::sync::atomic::{AtomicBool, Ordering};

/// What the waits of one job share.
///
/// Only the worker's thread uses it. The fields are `Sync` all the same, so that the compiler names
/// only [`Worker`](super::Worker) if a worker is moved to another thread.
#[derive(Default)]
pub(super) struct WaitState {
    /// Made by the first wait.
    waker: OnceLock<JobWaker>,
    /// A wait of this worker is on the stack.
    is_polling: std::sync::atomic::AtomicBool,
}

/// The waker of a job's waits, and its flag.
struct JobWaker {
    shared: Arc<Shared>,
    waker: Waker,
}

struct Shared {
    /// The waker was called since the last poll began.
    is_woken: AtomicBool,
    /// Weak, because a waker may be kept for longer than the job, and the job holds the context
    /// values of its caller.
    host: Weak<dyn Host>,
}

impl JobWaker {
    fn new(host: &Arc<dyn Host>) -> Self {
        let shared = Arc::new(Shared { is_woken: AtomicBool::new(false), host: Arc::downgrade(host) });
        Self { waker: Waker::from(Arc::clone(&shared)), shared }
    }

    /// Forgets the wake-ups before the poll that begins now.
    #[inline]
    fn clear(&self) {
        let is_woken = &self.shared.is_woken;
        // The swap is needed where a waker was called: it makes what that waker's thread did before
        // visible to the poll. Where none was, the plain load saves it.
        if is_woken.load(Ordering::Acquire) {
            is_woken.swap(false, Ordering::AcqRel);
        }
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Where it is set already, the thread has yet to see it, or the caller that has set it is
        // about to notify the thread.
        if self.is_woken.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(host) = self.host.upgrade() else { return };
        host.notify_worker();
        if !context::is_running_job() {
            host.meta().notify(Hooks::call_completed);
        }
        catch_and_log("a drop of what a job's caller had current", || drop(host));
    }
}

/// Polls `future` on this thread to its end. `at`: where the user's code waits, for the reports.
pub(super) fn poll_to_end<F: Future>(
    host: &Arc<dyn Host>,
    state: &WaitState,
    future: F,
    at: &'static Location<'static>,
) -> Result<F::Output, Interrupted> {
    // A future that is waited for inside a task of tokio's would share that task's budget, and
    // stay pending for ever when the budget is used up.
    let mut future = pin!(Some(unconstrained(future)));
    let result = match future.as_mut().as_pin_mut() {
        _ if host.cancel_reason().is_some() => Err(cancelled(host)),
        Some(future) => poll_until_ready(host, state, future, at),
        None => unreachable!("it was just made"),
    };
    match catch_panic(|| future.set(None)) {
        Ok(()) => result,
        Err(panic) => Err(Interrupted::Panicked(panic)),
    }
}

fn cancelled(host: &Arc<dyn Host>) -> Interrupted {
    let began = true; // this job has, whatever it waits for
    host.cancel_reason().map_or(Interrupted::Cancelled { began }, |reason| reason.to_interrupted(began))
}

fn poll_until_ready<F: Future>(
    host: &Arc<dyn Host>,
    state: &WaitState,
    future: Pin<&mut F>,
    at: &'static Location<'static>,
) -> Result<F::Output, Interrupted> {
    if state.is_polling.load(Ordering::Relaxed) {
        // A wait inside a poll of another one: a waker of its own keeps the wake-ups of both apart.
        return poll_with(host, &JobWaker::new(host), future, at);
    }
    state.is_polling.store(true, Ordering::Relaxed);
    let output = poll_with(host, state.waker.get_or_init(|| JobWaker::new(host)), future, at);
    state.is_polling.store(false, Ordering::Relaxed);
    output
}

fn poll_with<F: Future>(
    host: &Arc<dyn Host>,
    waker: &JobWaker,
    mut future: Pin<&mut F>,
    at: &'static Location<'static>,
) -> Result<F::Output, Interrupted> {
    let mut cx = Context::from_waker(&waker.waker);
    loop {
        waker.clear();
        match catch_panic(|| future.as_mut().poll(&mut cx)) {
            Ok(Poll::Ready(output)) => return Ok(output),
            Err(panic) => return Err(Interrupted::Panicked(panic)),
            Ok(Poll::Pending) => {}
        }
        // Also where the waker was called meanwhile: a future that always wakes itself must not
        // keep the thread from a cancellation, nor from jobs that are handed off to it.
        host.park_until_woken(host, at, &waker.shared.is_woken)?;
    }
}
