//! Warnings of the attributes, for code that compiles but is probably a mistake.
//!
//! Macros can't define lints on stable Rust. They warn by using a deprecated item at the tokens in
//! question: each item here is deprecated with the text of one warning.
//!
//! ```text
//! warning: use of deprecated constant `portcullis::lints::THREAD_SLEEP`: this blocks the event loop and all its sessions: ..
//!   |
//! 9 |         std::thread::sleep(Duration::from_secs(1));
//!   |         ^^^^^^^^^^^^^^^^^^
//! ```
//!
//! `#[allow(deprecated)]` on the method, the block or the crate silences the warnings, and
//! `#[deny(deprecated)]` makes them errors.
//!
//! The attributes see tokens and no types, so they warn only where the tokens leave no doubt: at
//! `std::fs::read(..)` and `fs::read(..)?`, but not at `fs::read(..)` alone, which may be tokio's.
//! They never warn inside a closure, which may run on another thread.
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
    THREAD_SLEEP: "this blocks the event loop and all its sessions: write `tokio::time::sleep(..).await`, or `worker.sleep(..)?` in a `#[blocking]` method";
    /// `std::fs` in an `async fn` of a service.
    BLOCKING_FS: "this blocks the event loop during the file operation: move it into a `#[blocking]` method, and `.await` that";
    /// A connection of `std::net`, or a name lookup, in an `async fn` of a service.
    NETWORK: "this blocks the event loop until the network responds: use `tokio::net`, or move it into a `#[blocking]` method, and `.await` that";
    /// `std::process::Command::output` or `status` in an `async fn` of a service.
    PROCESS: "this blocks the event loop until the process exits: use `tokio::process::Command`, or move it into a `#[blocking]` method, and `.await` that";
    /// Reading `std::io::stdin()` in an `async fn` of a service.
    STDIN: "this blocks the event loop until input is available: move it into a `#[blocking]` method, and `.await` that";
    /// `block_on` in an `async fn` of a service.
    BLOCK_ON: "this panics or blocks the event loop, because it runs inside an async runtime: write `.await`";
    /// `reqwest::blocking`, `ureq`, `rusqlite`, `blocking_recv` and similar calls in an `async fn`
    /// of a service.
    BLOCKING_CALL: "this blocks the event loop: call the async version, or move it into a `#[blocking]` method, and `.await` that";
    /// A pool whose threads may wait for those of a second pool, which may wait for those of the
    /// first.
    POOL_CYCLE: "this call creates a cycle of pools that can deadlock: run both methods on one pool, or call one after the other from an `async fn`";
    /// `let _ = self.job(..);` and `drop(self.job(..))`, where `job` is a blocking method that is
    /// not `detached`.
    OFFLOAD_DROPPED: "dropping the `Offload` cancels its job at once: `.await` it, or let it run with `.detach()`";
    /// A plain `fn` with `&self` that calls a blocking method or an `async fn` of the service. Each
    /// of them takes `self: &Arc<Self>`.
    ARC_MISSING: "this method takes `self: &Arc<Self>`, because it may outlive its caller, but a plain `fn` with `&self` has no `Arc`: write `self: &Arc<Self>` instead of `&self`";
    /// A state that no handler of the service returns.
    UNREACHABLE_STATE: "no handler returns this state: return it from a handler, or remove it";
    /// `Handle::current().block_on(..)`, and `block_on` of a method of the service, in a blocking
    /// method.
    BLOCK_ON_A_THREAD: "this blocks a pool thread that can't run other jobs meanwhile, which can deadlock: take `worker: &Worker`, and write `.wait(worker)?`";
    /// `let _ = rows.send(..);` in a loop of an `#[rpc]` method that sends items.
    IGNORED_SEND: "this fails when the caller is no longer interested, and the loop goes on: end it, `if rows.send(..).is_err() { break; }`, or write `?`";
}

/// A blocking method with a `Worker` that it doesn't use.
#[deprecated(
    note = "this worker is never used, so this method can't be cancelled and never calls async methods: call `worker.check()?` in long-running sections, or remove the parameter"
)]
pub fn unused_worker<W: ?Sized>(_worker: &W) {}

/// A guard of a `std::sync` lock.
///
/// The type decides, not the name of the method: `let copy = *self.lock.lock().unwrap()` keeps a
/// copied value across the `.await`, and no guard.
pub trait Guard {
    /// A guard is held across an `.await`.
    #[deprecated(
        note = "this lock is held across an `.await`, so that a task that needs it blocks its thread: drop the guard before the `.await`, or use `tokio::sync::Mutex`"
    )]
    fn held_across_await(&self) {}
}

impl<T: ?Sized> Guard for std::sync::MutexGuard<'_, T> {}
impl<T: ?Sized> Guard for std::sync::RwLockReadGuard<'_, T> {}
impl<T: ?Sized> Guard for std::sync::RwLockWriteGuard<'_, T> {}

/// The fallback of [`Guard`], for any other value.
pub trait Value {
    /// Found if the value isn't a [`Guard`]. Has no warning.
    fn held_across_await(&self) {}
}

impl<T: ?Sized> Value for &T {}
