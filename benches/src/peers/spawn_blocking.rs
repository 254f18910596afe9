//! Tokio's own blocking pool; the runtime of [`LOOP`](crate::loops::LOOP) limits its threads.

use std::future::Future;

use super::Offloader;

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
