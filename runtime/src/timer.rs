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
use crate::threads::{self, ThreadName};

/// How long a due alarm waits for a thread that rings another one, before one more is started.
const PATIENCE: Duration = Duration::from_millis(2);

/// How many threads may ring alarms at once. Beyond that, a deadline waits for one of them.
const MAX_RINGERS: usize = 64;

/// Something with a deadline.
pub(crate) trait Expire: Send + Sync {
    /// The deadline has passed.
    fn expire(&self);
}

/// What happens when the time has come.
enum TimerAction {
    Interrupt(Weak<dyn Expire>),
    Wake(Waker),
}

struct TimerQueue {
    alarms: BTreeMap<(Instant, u64), TimerAction>,
    next_id: u64,
    /// The timer thread is there.
    running: bool,
    /// TimerActions whose time has come, for a ringer to take.
    due: VecDeque<TimerAction>,
    /// How many have been taken.
    taken: u64,
    ringers: usize,
    /// Ringers that wait for an alarm.
    idle: usize,
}

static TIMERS: Mutex<TimerQueue> = Mutex::new(TimerQueue {
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
pub(crate) struct TimerThreadError;

/// An alarm that has been set; cleared when dropped.
#[derive(Debug)]
pub(crate) struct TimerGuard((Instant, u64));

impl Drop for TimerGuard {
    fn drop(&mut self) {
        let alarm = lock().alarms.remove(&self.0);
        drop(alarm); // outside the lock: it may be the last handle on a job
    }
}

fn lock() -> MutexGuard<'static, TimerQueue> {
    TIMERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls [`Expire::expire`] at `when`, if `target` still lives then.
pub(crate) fn expire_at(when: Instant, target: Weak<dyn Expire>) -> Result<TimerGuard, TimerThreadError> {
    set(when, TimerAction::Interrupt(target))
}

/// Calls [`Expire::expire`] now, if `target` still lives. A panic of what that drops or wakes goes no further.
pub(crate) fn expire_now(target: Weak<dyn Expire>) {
    ring(TimerAction::Interrupt(target));
}

fn set(when: Instant, alarm: TimerAction) -> Result<TimerGuard, TimerThreadError> {
    let mut clock = lock();
    if !clock.running {
        threads::start(ThreadName::new("portcullis-timer", ""), None, tick).map_err(|_| TimerThreadError)?;
        clock.running = true;
    }
    if clock.ringers == 0 {
        clock.add_ringer().map_err(|_| TimerThreadError)?;
    }
    let key = (when, clock.next_id);
    clock.next_id += 1;
    let earliest = clock.alarms.first_key_value().is_none_or(|(first, _)| key < *first);
    clock.alarms.insert(key, alarm);
    drop(clock);
    if earliest {
        EARLIER.notify_one();
    }
    Ok(TimerGuard(key))
}

impl TimerQueue {
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

fn ring(alarm: TimerAction) {
    contained(
        "what happens when a deadline passes (a drop of captured values, or a waker)",
        || match alarm {
            TimerAction::Interrupt(target) => {
                if let Some(target) = target.upgrade() {
                    target.expire();
                }
            }
            TimerAction::Wake(waker) => waker.wake(),
        },
    );
}

/// So far away that it is never, and that no clock overflows.
pub(crate) const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// The moment `time` from now; so far away that it is never, where a clock would overflow.
pub fn after(time: Duration) -> Instant {
    Instant::now() + time.min(NEVER)
}

/// Waits until `done` (which registers the waker it is shown) says so, or until `limit`; tells which.
pub async fn until(limit: Instant, done: impl FnMut(&Waker) -> bool + Unpin) -> bool {
    Until { limit, done, armed: None }.await
}

struct Until<D> {
    limit: Instant,
    done: D,
    armed: Option<(TimerGuard, Waker)>,
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
            match set(this.limit, TimerAction::Wake(cx.waker().clone())) {
                Ok(armed) => this.armed = Some((armed, cx.waker().clone())),
                Err(TimerThreadError) => return Poll::Ready(false),
            }
        }
        Poll::Pending
    }
}
