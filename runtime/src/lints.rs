//! What the attributes warn of: code that compiles and had better not be written so.
//!
//! A macro has no lints of its own on stable Rust; using something deprecated is how it warns. So
//! these are constants that nobody needs, each deprecated with what is to be said, and `#[service]`
//! and `#[blocking]` use them at the tokens in question:
//!
//! ```text
//! warning: use of deprecated constant `portcullis::lints::THREAD_SLEEP`: this stops the event loop, and every session with it: ..
//!   |
//! 9 |         std::thread::sleep(Duration::from_secs(1));
//!   |         ^^^^^^^^^^^^^^^^^^
//! ```
//!
//! `#[allow(deprecated)]` on the method, the block or the crate silences them,
//! `#[deny(deprecated)]` makes them errors.
//!
//! The attributes see tokens and no types. So they speak up only where the tokens leave no doubt:
//! of `std::fs::read(..)`, and of `fs::read(..)?`, but not of `fs::read(..)` alone, which may be
//! tokio's; and never of what is in a closure, which may run anywhere.
#![allow(missing_docs, deprecated)]

macro_rules! lints {
    ($($(#[$doc:meta])* $name:ident: $note:literal;)*) => {
        $(
            $(#[$doc])*
            #[deprecated(note = $note)]
            pub const $name: () = ();
        )*
    };
}

lints! {
    /// `std::thread::sleep` in an `async fn` of a service.
    THREAD_SLEEP: "this stops the event loop, and every session with it: write `tokio::time::sleep(..).await`, or, in a `#[blocking]` method, `worker.sleep(..)?`";
    /// `std::fs` in an `async fn` of a service.
    BLOCKING_FS: "this blocks the event loop while the file operation runs: move it into a `#[blocking]` method, and await that";
    /// A connection of `std::net`, or a look-up of names, in an `async fn` of a service.
    NETWORK: "this blocks the event loop until the network answers: use tokio's own, or move it into a `#[blocking]` method, and await that";
    /// `std::process::Command::output` or `status` in an `async fn` of a service.
    PROCESS: "this blocks the event loop until the process ends: use `tokio::process::Command`, or move it into a `#[blocking]` method, and await that";
    /// Reading `std::io::stdin()` in an `async fn` of a service.
    STDIN: "this blocks the event loop until input is available: move it into a `#[blocking]` method, and await that";
    /// `block_on` in an `async fn` of a service.
    BLOCK_ON: "this blocks the event loop, or panics, as it is inside one already: write `.await`";
    /// `reqwest::blocking`, `ureq`, `rusqlite`, `blocking_recv` and their like in an `async fn` of
    /// a service.
    BLOCKING_CALL: "this blocks the event loop: use the async one, or move it into a `#[blocking]` method, and await that";
    /// A pool whose threads may wait for those of a second, which may wait for those of the first.
    POOL_CYCLE: "this call creates a cycle of pools that can deadlock: run both on one pool, or call one after the other from the loop";
    /// `let _ = self.job(..);` and `drop(self.job(..))`, where `job` is a blocking method that is
    /// not `detached`.
    OFFLOAD_DROPPED: "this cancels the job at once: `.await` it, or let it run with `.detach()`";
    /// A plain `fn` with `&self` that calls a blocking method or an `async fn` of the service: each
    /// of them takes `self: &Arc<Self>`.
    ARC_MISSING: "this method takes `self: &Arc<Self>`, since it may outlive its caller, and a plain `fn` with `&self` has no `Arc`: write `self: &Arc<Self>` for `&self`";
    /// A state that no handler of the service returns.
    UNREACHABLE_STATE: "nothing leads to this state: return it from a handler, or remove it";
    /// `Handle::current().block_on(..)`, and `block_on` of a method of the service, in a blocking
    /// method.
    BLOCK_ON_A_THREAD: "this holds a pool thread without running other jobs on it, and may wait for itself: take `worker: &Worker`, and write `.wait(worker)?`";
}

/// A blocking method takes a `Worker` and does nothing with it.
#[deprecated(
    note = "this worker is never used, so this method can't be cancelled and never calls back into the loop: call `worker.check()?` in long-running sections, or remove the parameter"
)]
pub fn unused_worker<W: ?Sized>(_worker: &W) {}

/// A lock of `std::sync`, which is told apart by its type: a copy of what is in it may be kept
/// across an `.await`.
pub trait Guard {
    /// A guard is held across an `.await`.
    #[deprecated(
        note = "this lock is held across an `.await`, where another thread may go on: drop the guard before the `.await`, or use `tokio::sync::Mutex`"
    )]
    fn held_across_await(&self) {}
}

impl<T: ?Sized> Guard for std::sync::MutexGuard<'_, T> {}
impl<T: ?Sized> Guard for std::sync::RwLockReadGuard<'_, T> {}
impl<T: ?Sized> Guard for std::sync::RwLockWriteGuard<'_, T> {}

/// Any value that is no [`Guard`], of which there is nothing to say.
pub trait Value {
    /// Found behind the other.
    fn held_across_await(&self) {}
}

impl<T: ?Sized> Value for &T {}
