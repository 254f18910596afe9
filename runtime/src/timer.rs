//! Timers for deadlines, on a thread of their own, so that they need no particular async runtime.
//!
//! The thread `portcullis-timer` starts with the first deadline and sleeps until the earliest one.
//! Starting and cancelling a timer takes one short lock. A timer that is cancelled does not wake
//! the thread, which then looks at the queue once in vain.
//!
//! A timer may run the user's code: interrupting a job drops what it captured, waking a task calls
//! an executor, and both may log. Therefore the timer thread only finds the timers that are due,
//! and other threads fire them. There is one such thread as a rule. Another one starts when all of
//! them have been busy for [`PATIENCE`]. A drop that takes long, or never returns, blocks its own
//! thread and delays no deadline.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::error::catch_and_log;
use crate::threads::{self, ThreadName};

/// How long a due timer waits for a thread that fires another one, before one more thread is
/// started.
const PATIENCE: Duration = Duration::from_millis(2);

/// How many threads may fire timers at once. Beyond that, a deadline waits for one of them.
const MAX_FIRING_THREADS: usize = 64;

/// Something with a deadline.
pub(crate) trait Expire: Send + Sync {
    /// The deadline has passed.
    fn expire(&self);
}

/// What a timer does when it fires.
enum TimerAction {
    Interrupt(Weak<dyn Expire>),
    Wake(Waker),
}

struct TimerQueue {
    timers: BTreeMap<(Instant, u64), TimerAction>,
    next_id: u64,
    /// The timer thread has started.
    running: bool,
    /// When the timer thread looks at the queue next, unless it is woken; `None` for never.
    wakes_at: Option<Instant>,
    /// Timers that are due, for a firing thread to take.
    due: VecDeque<TimerAction>,
    /// How many have been taken.
    taken: u64,
    firing_threads: usize,
    /// Firing threads that wait for a timer.
    idle: usize,
}

static TIMERS: Mutex<TimerQueue> = Mutex::new(TimerQueue {
    timers: BTreeMap::new(),
    next_id: 0,
    running: false,
    wakes_at: None,
    due: VecDeque::new(),
    taken: 0,
    firing_threads: 0,
    idle: 0,
});
/// For the timer thread: a deadline is before its next look.
static DEADLINE_MOVED: Condvar = Condvar::new();
/// For an idle firing thread: a timer is due.
static DUE: Condvar = Condvar::new();

/// The timer thread could not be started.
#[derive(Debug)]
pub(crate) struct TimerThreadError;

/// A timer that was started. Dropping it cancels the timer.
#[derive(Debug)]
pub(crate) struct TimerGuard((Instant, u64));

impl Drop for TimerGuard {
    fn drop(&mut self) {
        let timer = lock().timers.remove(&self.0);
        drop(timer); // outside the lock: it may be the last handle on a job
    }
}

fn lock() -> MutexGuard<'static, TimerQueue> {
    TIMERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls [`Expire::expire`] at `when`, if `target` still lives then.
pub(crate) fn expire_at(when: Instant, target: Weak<dyn Expire>) -> Result<TimerGuard, TimerThreadError> {
    set(when, TimerAction::Interrupt(target))
}

/// Calls [`Expire::expire`] now, if `target` still lives. A panic in what that drops or wakes is
/// logged.
pub(crate) fn expire_now(target: Weak<dyn Expire>) {
    fire(TimerAction::Interrupt(target));
}

fn set(when: Instant, timer: TimerAction) -> Result<TimerGuard, TimerThreadError> {
    let mut queue = lock();
    if !queue.running {
        threads::start(ThreadName::new("portcullis-timer", ""), None, run).map_err(|_| TimerThreadError)?;
        queue.running = true;
    }
    if queue.firing_threads == 0 {
        queue.add_firing_thread().map_err(|_| TimerThreadError)?;
    }
    let key = (when, queue.next_id);
    queue.next_id += 1;
    queue.timers.insert(key, timer);
    // Not if this is merely the earliest timer: most timers are cancelled, so the thread often
    // waits for one that is not there any more, and then a wake-up for each job would cost more
    // than the job.
    let is_before_next_look = queue.wakes_at.is_none_or(|at| when < at);
    drop(queue);
    if is_before_next_look {
        DEADLINE_MOVED.notify_one();
    }
    Ok(TimerGuard(key))
}

impl TimerQueue {
    fn add_firing_thread(&mut self) -> io::Result<()> {
        threads::start(ThreadName::internal("fire"), None, fire_due_timers)?;
        self.firing_threads += 1;
        Ok(())
    }
}

/// The timer thread. It runs no code of the user.
fn run() {
    let mut queue = lock();
    // Since when no thread has taken what is due, and how many were taken then.
    let mut stalled = (Instant::now(), queue.taken);
    loop {
        let now = Instant::now();
        let idle_before = queue.due.is_empty();
        while let Some(first) = queue.timers.first_entry().filter(|first| first.key().0 <= now) {
            let timer = first.remove();
            queue.due.push_back(timer);
        }
        let mut until = queue.timers.first_key_value().map(|(key, _)| key.0);
        if !queue.due.is_empty() {
            if idle_before || stalled.1 != queue.taken {
                stalled = (now, queue.taken);
            } else if now.saturating_duration_since(stalled.0) >= PATIENCE {
                stalled.0 = now;
                if queue.firing_threads < MAX_FIRING_THREADS {
                    // If no thread can be started, those that are busy fire the timer later.
                    let _ = queue.add_firing_thread();
                }
            }
            if queue.idle > 0 {
                DUE.notify_one();
            }
            let look_again = stalled.0 + PATIENCE;
            until = Some(until.map_or(look_again, |until| until.min(look_again)));
        }
        queue.wakes_at = until;
        queue = match until {
            None => DEADLINE_MOVED.wait(queue).unwrap_or_else(PoisonError::into_inner),
            Some(until) => {
                let left = until.saturating_duration_since(now);
                DEADLINE_MOVED.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

/// A thread that fires timers. It ends when it has nothing to do and another one is idle.
fn fire_due_timers() {
    let mut queue = lock();
    loop {
        if let Some(timer) = queue.due.pop_front() {
            queue.taken += 1;
            drop(queue);
            fire(timer);
            queue = lock();
        } else if queue.idle > 0 {
            queue.firing_threads -= 1;
            return;
        } else {
            queue.idle += 1;
            queue = DUE.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }
}

fn fire(timer: TimerAction) {
    catch_and_log("what happens when a deadline passes (a drop of captured values, or a waker)", || {
        match timer {
            TimerAction::Interrupt(target) => {
                if let Some(target) = target.upgrade() {
                    target.expire();
                }
            }
            TimerAction::Wake(waker) => waker.wake(),
        }
    });
}

/// A time that stands for never, and that can be added to any `Instant`.
pub(crate) const NEVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// The moment `time` from now, or [`NEVER`] from now if that is earlier.
pub fn after(time: Duration) -> Instant {
    Instant::now() + time.min(NEVER)
}

/// Waits until `done` returns `true`, or until `limit`, and returns which of the two has happened.
/// `done` registers the waker that it gets.
pub async fn until(limit: Instant, done: impl FnMut(&Waker) -> bool + Unpin) -> bool {
    Until { limit, done, guard: None }.await
}

struct Until<D> {
    limit: Instant,
    done: D,
    guard: Option<(TimerGuard, Waker)>,
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
        if !this.guard.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker())) {
            match set(this.limit, TimerAction::Wake(cx.waker().clone())) {
                Ok(guard) => this.guard = Some((guard, cx.waker().clone())),
                Err(TimerThreadError) => return Poll::Ready(false),
            }
        }
        Poll::Pending
    }
}
