//! Tokio's own blocking pool: as it comes, and held to as many threads as the other pools have.

use std::future::Future;

use super::Offloader;
use crate::loops::HELD;

/// Of the loop that calls it, with up to 512 threads (tokio's default): what one gets who just
/// calls `spawn_blocking`.
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

/// Of a runtime that `max_blocking_threads` holds to four.
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
