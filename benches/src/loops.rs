//! The loop and the sizes that every bench shares.

use std::future::Future;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Runtime};

/// Threads of the loop.
pub(crate) const LOOP_THREADS: usize = 2;
/// Threads of each pool: ours and every peer's.
pub(crate) const POOL_THREADS: usize = 4;
/// Places in the queue of each pool, where the pool has a bound.
pub(crate) const QUEUE: usize = 1024;

/// The one runtime. Its blocking pool is the peer `spawn_blocking` as its users have it: with up to
/// 512 threads.
pub(crate) static LOOP: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread().worker_threads(LOOP_THREADS).enable_all().build().expect("a runtime")
});

/// A runtime for nothing but its blocking pool, which has as many threads as every other pool.
pub(crate) static HELD: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread().max_blocking_threads(POOL_THREADS).build().expect("a runtime")
});

/// Runs `future` as a task on a thread of the loop, as a handler would be, and waits for it.
pub(crate) fn on_loop<F>(future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    LOOP.block_on(LOOP.spawn(future)).expect("no panic on the loop")
}
