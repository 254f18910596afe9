//! One lazy thread for deadlines, so that they need no async runtime of a particular make.
//!
//! The thread `portcullis-timer` starts with the first deadline and sleeps until the earliest one. Setting and
//! clearing an alarm is one short lock.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::job::{Job, Why};

/// What happens when the time has come.
enum Alarm {
    Expire(Weak<dyn Job>),
    Wake(Waker),
}

struct Clock {
    alarms: BTreeMap<(Instant, u64), Alarm>,
    next_id: u64,
    running: bool,
}

static CLOCK: Mutex<Clock> = Mutex::new(Clock { alarms: BTreeMap::new(), next_id: 0, running: false });
static EARLIER: Condvar = Condvar::new();

/// The timer thread could not be started.
#[derive(Debug)]
pub(crate) struct NoTimer;

/// An alarm that has been set; cleared when dropped.
#[derive(Debug)]
pub(crate) enum Armed {
    Here((Instant, u64)),
    /// By the clock of a test.
    #[cfg(feature = "test-util")]
    Tested(tokio::task::AbortHandle),
}

impl Drop for Armed {
    fn drop(&mut self) {
        match self {
            Self::Here(key) => {
                let alarm = lock().alarms.remove(key);
                drop(alarm); // outside the lock: it may be the last handle on a job
            }
            #[cfg(feature = "test-util")]
            Self::Tested(task) => task.abort(),
        }
    }
}

fn lock() -> MutexGuard<'static, Clock> {
    CLOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Interrupts `job` with [`Why::Deadline`] at `when`.
pub(crate) fn expire(when: Instant, job: Weak<dyn Job>) -> Result<Armed, NoTimer> {
    #[cfg(feature = "test-util")]
    if let Some(keeper) = job.upgrade().and_then(|job| job.about().activity.keeper().cloned()) {
        let expire = move || ring(Alarm::Expire(job));
        return Ok(Armed::Tested(keeper.at(when, expire)));
    }
    set(when, Alarm::Expire(job))
}

fn set(when: Instant, alarm: Alarm) -> Result<Armed, NoTimer> {
    let mut clock = lock();
    if !clock.running {
        std::thread::Builder::new().name("portcullis-timer".into()).spawn(tick).map_err(|_| NoTimer)?;
        clock.running = true;
    }
    let key = (when, clock.next_id);
    clock.next_id += 1;
    let earliest = clock.alarms.first_key_value().is_none_or(|(first, _)| key < *first);
    clock.alarms.insert(key, alarm);
    drop(clock);
    if earliest {
        EARLIER.notify_one();
    }
    Ok(Armed::Here(key))
}

fn tick() {
    let mut clock = lock();
    loop {
        let now = Instant::now();
        match clock.alarms.first_key_value().map(|(key, _)| key.0) {
            None => clock = EARLIER.wait(clock).unwrap_or_else(PoisonError::into_inner),
            Some(when) if when > now => {
                clock = EARLIER.wait_timeout(clock, when - now).unwrap_or_else(PoisonError::into_inner).0;
            }
            Some(_) => {
                let due = clock.alarms.pop_first();
                drop(clock);
                if let Some((_, alarm)) = due {
                    ring(alarm);
                }
                clock = lock();
            }
        }
    }
}

fn ring(alarm: Alarm) {
    // Interrupting drops a queued job's captures, and waking runs a foreign executor's code: neither may end
    // the thread that every deadline of the process depends on.
    let rung = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match alarm {
        Alarm::Expire(job) => {
            if let Some(job) = job.upgrade() {
                job.interrupt(Why::Deadline);
            }
        }
        Alarm::Wake(waker) => waker.wake(),
    }));
    if rung.is_err() {
        tracing::error!("a panic while a deadline passed (in a drop of captured values, or in a waker)");
    }
}

/// The moment `time` from now; so far away that it is never, where a clock would overflow.
pub(crate) fn after(time: Duration) -> Instant {
    const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);
    Instant::now() + time.min(NEVER)
}

/// Waits until `done` (which registers the waker it is shown) says so, or until `limit`; tells which.
pub(crate) async fn until(limit: Instant, done: impl FnMut(&Waker) -> bool + Unpin) -> bool {
    Until { limit, done, armed: None }.await
}

struct Until<D> {
    limit: Instant,
    done: D,
    armed: Option<(Armed, Waker)>,
}

impl<D: FnMut(&Waker) -> bool + Unpin> Future for Until<D> {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let this = self.get_mut();
        if (this.done)(cx.waker()) {
            return Poll::Ready(true);
        }
        if Instant::now() >= this.limit {
            return Poll::Ready(false);
        }
        if !this.armed.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker())) {
            match set(this.limit, Alarm::Wake(cx.waker().clone())) {
                Ok(armed) => this.armed = Some((armed, cx.waker().clone())),
                Err(NoTimer) => return Poll::Ready(false),
            }
        }
        Poll::Pending
    }
}

/// Runs `work`, until `limit` by the real clock.
#[cfg(feature = "test-util")]
pub(crate) async fn limited<T>(limit: Instant, work: impl Future<Output = T>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut out = None;
    until(limit, |waker| {
        let done = work.as_mut().poll(&mut Context::from_waker(waker));
        match done {
            Poll::Ready(value) => {
                out = Some(value);
                true
            }
            Poll::Pending => false,
        }
    })
    .await;
    out
}
