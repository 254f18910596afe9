//! The event loop and the sizes that all benchmarks share.

use std::future::Future;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};

/// The number of loop threads.
pub(crate) const LOOP_THREADS: usize = 2;
/// The number of threads of each pool, ours and the peers'.
pub(crate) const POOL_THREADS: usize = 4;
/// The queue capacity of each pool that has a bound.
pub(crate) const QUEUE: usize = 1024;

/// The runtime of the event loop. Its blocking pool is the peer `spawn_blocking`, with up to 512
/// threads (tokio's default).
pub(crate) static LOOP: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(LOOP_THREADS).enable_all().build().expect("a runtime")
});

/// A runtime for its blocking pool, which has as many threads as the other pools.
pub(crate) static HELD: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread().max_blocking_threads(POOL_THREADS).build().expect("a runtime")
});

/// Runs `future` as a task on the loop, as handlers run, and waits for it.
pub(crate) fn on_loop<F>(future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    LOOP.block_on(LOOP.spawn(future)).expect("no panic on the loop")
}
