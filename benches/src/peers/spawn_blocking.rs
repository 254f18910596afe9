//! Tokio's blocking pool: with its defaults, and limited to as many threads as the other pools.

use std::future::Future;

use super::Offloader;
use crate::loops::HELD;

/// The blocking pool of the calling loop, with up to 512 threads (tokio's default): the result of a
/// plain `spawn_blocking`.
#[derive(Clone)]
pub(crate) struct SpawnBlocking;

impl Offloader for SpawnBlocking {
    const NAME: &'static str = "spawn_blocking";

    fn offload<F, T>(&self, job: F) -> impl Future<Output = T> + Send + use<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let task = tokio::task::spawn_blocking(job);
        async { task.await.expect("no panic") }
    }
}

/// The blocking pool of a runtime with `max_blocking_threads(4)`.
#[derive(Clone)]
pub(crate) struct HeldSpawnBlocking;

impl Offloader for HeldSpawnBlocking {
    const NAME: &'static str = "spawn_blocking, 4 threads";

    fn offload<F, T>(&self, job: F) -> impl Future<Output = T> + Send + use<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let task = HELD.spawn_blocking(job);
        async { task.await.expect("no panic") }
    }
}
