//! One lazy thread for deadlines, so that they need no async runtime of a particular make.
//!
//! The thread `portcullis-timer` starts with the first deadline and sleeps until the earliest one. Setting and
//! clearing an alarm is one short lock.
//!
//! What an alarm does is the user's code in part: interrupting a job drops what it captured, waking a task runs an executor, and both
//! may log. So the timer thread only says what is due, and threads beside it ring the alarms: one as a rule, and another one
//! whenever they have been busy for [`PATIENCE`]. A drop that takes long, or for ever, holds its own thread and no deadline.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::error::contained;
use crate::job::{Job, Why};
use crate::threads::{self, ThreadName};

/// How long a due alarm waits for a thread that rings another one, before one more is started.
const PATIENCE: Duration = Duration::from_millis(2);

/// How many threads may ring alarms at once. Beyond that, a deadline waits for one of them.
const MAX_RINGERS: usize = 64;

/// What happens when the time has come.
enum Alarm {
    Expire(Weak<dyn Job>),
    Wake(Waker),
}

struct Clock {
    alarms: BTreeMap<(Instant, u64), Alarm>,
    next_id: u64,
    /// The timer thread is there.
    running: bool,
    /// Alarms whose time has come, for a ringer to take.
    due: VecDeque<Alarm>,
    /// How many have been taken.
    taken: u64,
    ringers: usize,
    /// Ringers that wait for an alarm.
    idle: usize,
}

static CLOCK: Mutex<Clock> = Mutex::new(Clock {
    alarms: BTreeMap::new(),
    next_id: 0,
    running: false,
    due: VecDeque::new(),
    taken: 0,
    ringers: 0,
    idle: 0,
});
/// For the timer thread: there is an earlier alarm.
static EARLIER: Condvar = Condvar::new();
/// For an idle ringer: an alarm is due.
static DUE: Condvar = Condvar::new();

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
        threads::start(ThreadName::new("portcullis-timer", ""), None, tick).map_err(|_| NoTimer)?;
        clock.running = true;
    }
    if clock.ringers == 0 {
        clock.add_ringer().map_err(|_| NoTimer)?;
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

impl Clock {
    fn add_ringer(&mut self) -> io::Result<()> {
        threads::start(ThreadName::of_our_own("alarm"), None, ring_what_is_due)?;
        self.ringers += 1;
        Ok(())
    }
}

/// The timer thread. No code of a user's runs here.
fn tick() {
    let mut clock = lock();
    // Since when no ringer has taken what is due, and how many were taken then.
    let mut stalled = (Instant::now(), clock.taken);
    loop {
        let now = Instant::now();
        let idle_before = clock.due.is_empty();
        while let Some(first) = clock.alarms.first_entry().filter(|first| first.key().0 <= now) {
            let alarm = first.remove();
            clock.due.push_back(alarm);
        }
        let mut until = clock.alarms.first_key_value().map(|(key, _)| key.0);
        if !clock.due.is_empty() {
            if idle_before || stalled.1 != clock.taken {
                stalled = (now, clock.taken);
            } else if now.saturating_duration_since(stalled.0) >= PATIENCE {
                stalled.0 = now;
                if clock.ringers < MAX_RINGERS {
                    // If there is no thread to be had, those that there are get to it in time.
                    let _ = clock.add_ringer();
                }
            }
            if clock.idle > 0 {
                DUE.notify_one();
            }
            let look_again = stalled.0 + PATIENCE;
            until = Some(until.map_or(look_again, |until| until.min(look_again)));
        }
        clock = match until {
            None => EARLIER.wait(clock).unwrap_or_else(PoisonError::into_inner),
            Some(until) => {
                let rest = until.saturating_duration_since(now);
                EARLIER.wait_timeout(clock, rest).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

/// A thread that rings alarms; it stays if no other one is idle.
fn ring_what_is_due() {
    let mut clock = lock();
    loop {
        if let Some(alarm) = clock.due.pop_front() {
            clock.taken += 1;
            drop(clock);
            ring(alarm);
            clock = lock();
        } else if clock.idle > 0 {
            clock.ringers -= 1;
            return;
        } else {
            clock.idle += 1;
            clock = DUE.wait(clock).unwrap_or_else(PoisonError::into_inner);
            clock.idle -= 1;
        }
    }
}

fn ring(alarm: Alarm) {
    contained(
        "what happens when a deadline passes (a drop of captured values, or a waker)",
        || match alarm {
            Alarm::Expire(job) => {
                if let Some(job) = job.upgrade() {
                    job.interrupt(Why::Deadline);
                }
            }
            Alarm::Wake(waker) => waker.wake(),
        },
    );
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

/// How much later than tokio's timer the thread of this module looks.
#[cfg(feature = "server")]
const LATER: Duration = Duration::from_millis(50);

/// As tokio's `sleep_until`, but not of the loop alone.
///
/// The loop thread that waits for sockets and timers may come to run a handler that holds it. Then tokio's timers stand
/// still, although other loop threads are free. The thread of this module wakes the task a moment later: another loop
/// thread polls it, and attends to sockets and timers from there on.
#[cfg(feature = "server")]
pub(crate) async fn attended(when: tokio::time::Instant) {
    let mut sleep = std::pin::pin!(tokio::time::sleep_until(when));
    let mut armed: Option<(Armed, Waker)> = None;
    std::future::poll_fn(|cx| {
        // The time itself, and not the timer, says that it has come: under a paused clock it may not have.
        if sleep.as_mut().poll(cx).is_ready() || tokio::time::Instant::now() >= when {
            return Poll::Ready(());
        }
        let left = when.saturating_duration_since(tokio::time::Instant::now());
        if !armed.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker())) {
            // Without the thread there is tokio's timer still.
            armed = set(after(left) + LATER, Alarm::Wake(cx.waker().clone()))
                .ok()
                .map(|armed| (armed, cx.waker().clone()));
        }
        Poll::Pending
    })
    .await;
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
