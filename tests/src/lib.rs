//! Helpers of the behaviour tests: event loops of several kinds, waits with a limit, and gates
//! between threads.

#![forbid(unsafe_code)]

#[cfg(doctest)]
pub mod book;
#[cfg(unix)]
pub mod foreign;
pub mod pki;
pub mod rpc_api;
pub mod served;
#[cfg(unix)]
pub mod streams;

use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portcullis::{Offload, Pool};

/// The limit of every wait in the tests: long enough for a loaded machine, short enough to notice a
/// hang.
pub const LIMIT: Duration = Duration::from_secs(20);

/// Runs `test` on tokio's current-thread flavour.
pub fn on_current_thread<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(LIMIT, test).await.expect("in time") })
}

/// Runs `test` on tokio's multi-thread flavour, as a spawned task.
pub fn on_multi_thread<F>(test: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        tokio::time::timeout(LIMIT, tokio::spawn(test)).await.expect("in time").expect("no panic")
    })
}

/// Runs `test` on an event loop that is not tokio's.
pub fn on_futures_executor<F>(test: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (tx, rx) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let output = futures::executor::block_on(test);
        drop(tx);
        output
    });
    let in_time = rx.recv_timeout(LIMIT);
    assert!(!matches!(in_time, Err(std::sync::mpsc::RecvTimeoutError::Timeout)), "in time");
    let () = in_time.unwrap_or(());
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Defines each test on both tokio flavours and, with `anywhere`, on an event loop that is not
/// tokio's.
#[macro_export]
macro_rules! on_loops {
    ($( $(#[$meta:meta])* anywhere async fn $name:ident() $body:block )*) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;
            async fn test() $body
            #[test] fn current_thread() { $crate::on_current_thread(test()) }
            #[test] fn multi_thread() { $crate::on_multi_thread(test()) }
            #[test] fn not_tokio() { $crate::on_futures_executor(test()) }
        }
    )*};
    ($( $(#[$meta:meta])* async fn $name:ident() $body:block )*) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;
            async fn test() $body
            #[test] fn current_thread() { $crate::on_current_thread(test()) }
            #[test] fn multi_thread() { $crate::on_multi_thread(test()) }
        }
    )*};
}

/// A gate between threads. It is closed until it is opened, and then stays open.
#[derive(Debug, Default)]
pub struct Gate {
    open: Mutex<bool>,
    moved: Condvar,
}

impl Gate {
    /// Opens the gate for all current and future waiters.
    pub fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.moved.notify_all();
    }

    /// Blocks this thread until the gate is open. Returns `false` after [`LIMIT`].
    pub fn pass(&self) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (open, _) =
            self.moved.wait_timeout_while(open, LIMIT, |open| !*open).unwrap_or_else(PoisonError::into_inner);
        *open
    }

    /// Whether the gate is open.
    pub fn is_open(&self) -> bool {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Blocks this thread until `done` returns `true`, and yields in between.
///
/// # Panics
/// After [`LIMIT`].
pub fn eventually(mut done: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < until, "not within {LIMIT:?}");
        std::thread::yield_now();
    }
}

/// Polls `future` once, with a waker that does nothing.
pub fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut cx)
}

/// Occupies one thread of `pool` until the gate opens. The job ignores cancellation.
///
/// # Panics
/// If no thread is free within [`LIMIT`].
pub fn occupy_thread(pool: &Pool) -> (Arc<Gate>, Offload<bool>) {
    let (gate, inside) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let (gate2, inside2) = (gate.clone(), inside.clone());
    let offload = pool.run(move |_| {
        inside2.open();
        gate2.pass()
    });
    assert!(inside.pass());
    (gate, offload)
}

/// Opens its gate when it is dropped.
#[derive(Debug)]
pub struct OpenOnDrop(pub Arc<Gate>);

impl Drop for OpenOnDrop {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// The same as [`eventually`] on a tokio loop. Sleeps between two checks, so that a long wait does
/// not keep the loop busy.
///
/// # Panics
/// After [`LIMIT`].
pub async fn eventually_async(done: impl Fn() -> bool) {
    let turns = async {
        while !done() {
            // The interval of the polling.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LIMIT, turns).await.expect("in time");
}

/// Waits on a tokio loop until `done` returns `true`.
///
/// # Panics
/// After [`LIMIT`].
pub async fn wait(done: impl Fn() -> bool) {
    let turns = async {
        while !done() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, turns).await.expect("in time");
}
