//! The primitives that threads share, from `std` or, under `--cfg portcullis_loom`, from the model
//! checker.
//!
//! Locks here never poison: every value that one guards is consistent again before user code can
//! panic, since user code never runs while a lock is held.

#[cfg(not(portcullis_loom))]
pub use std::sync::atomic;
#[cfg(not(portcullis_loom))]
use std::sync::{Condvar as RawCondvar, Mutex as RawMutex};

#[cfg(portcullis_loom)]
pub use loom::sync::atomic;
#[cfg(portcullis_loom)]
use loom::sync::{Condvar as RawCondvar, Mutex as RawMutex};

#[cfg(portcullis_loom)]
pub use loom::sync::MutexGuard;
#[cfg(not(portcullis_loom))]
pub use std::sync::MutexGuard;

use std::ops::Deref;
use std::sync::PoisonError;
use std::time::Duration;

use crate::threads::ThreadName;

/// A mutex whose `lock` returns the guard itself.
#[derive(Debug, Default)]
pub struct Mutex<T>(RawMutex<T>);

impl<T> Mutex<T> {
    #[cfg(not(portcullis_loom))]
    /// A mutex that guards `value`.
    pub const fn new(value: T) -> Self {
        Self(RawMutex::new(value))
    }

    #[cfg(portcullis_loom)]
    #[allow(missing_docs)]
    pub fn new(value: T) -> Self {
        Self(RawMutex::new(value))
    }

    /// The value; the exclusive borrow makes a lock unnecessary.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until the mutex is free.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A condition variable for [`Mutex`].
#[derive(Debug, Default)]
pub struct Condvar(RawCondvar);

impl Condvar {
    /// A condition variable without waiting threads.
    pub fn new() -> Self {
        Self(RawCondvar::new())
    }

    /// Waits for a wake-up, which may be spurious.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a wake-up or for `limit` to pass; the caller looks at its condition again in both
    /// cases.
    pub fn wait_for<'a, T>(&self, guard: MutexGuard<'a, T>, limit: Duration) -> MutexGuard<'a, T> {
        self.0.wait_timeout(guard, limit).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Wakes one waiting thread.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all waiting threads.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A value on cache lines of its own, so that a write to it does not take its neighbours from the
/// cores that read those. 128 bytes, since processors fetch lines in pairs (as crossbeam's
/// `CachePadded` has it).
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct CachePadded<T>(pub T);

impl<T> Deref for CachePadded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Starts a named thread: a coroutine of the model under the model checker.
#[cfg(not(portcullis_loom))]
pub(crate) fn spawn_thread(
    name: ThreadName,
    stack_size: Option<usize>,
    f: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    crate::threads::start(name, stack_size, f).map(drop)
}

#[cfg(portcullis_loom)]
pub(crate) fn spawn_thread(
    _: ThreadName,
    _: Option<usize>,
    f: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    drop(loom::thread::spawn(f));
    Ok(())
}

#[cfg(not(portcullis_loom))]
pub(crate) use std::{thread::yield_now, thread_local};

#[cfg(portcullis_loom)]
pub(crate) use loom::thread::yield_now;

/// A thread-local of the model's threads, which are coroutines of one real thread.
#[cfg(portcullis_loom)]
macro_rules! model_local {
    ($( $(#[$meta:meta])* static $name:ident: $type:ty = const { $init:expr }; )*) => {
        loom::thread_local! { $( $(#[$meta])* static $name: $type = $init; )* }
    };
}
#[cfg(portcullis_loom)]
pub(crate) use model_local as thread_local;
