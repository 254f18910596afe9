//! Other ways to run a closure on another thread and await it, each written as its users write it.

pub(crate) mod block_on;
pub(crate) mod by_channel;
mod crossbeam;
mod ours;
mod rayon;
mod spawn_blocking;
pub(crate) mod unblock;

use std::future::Future;

pub(crate) use crossbeam::Crossbeam;
pub(crate) use ours::{Ours, pool};
pub(crate) use rayon::Rayon;
pub(crate) use spawn_blocking::{HeldSpawnBlocking, SpawnBlocking};
pub(crate) use unblock::Unblock;

/// A pool that runs closures on [`POOL_THREADS`](crate::loops::POOL_THREADS) threads;
/// [`SpawnBlocking`] has more.
pub(crate) trait Offloader: Clone + Send + Sync + 'static {
    const NAME: &'static str;

    /// Runs `job` on a thread of the pool.
    fn offload<F, T>(&self, job: F) -> impl Future<Output = T> + Send + use<Self, F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;
}
