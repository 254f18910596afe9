//! A rayon pool that answers through a tokio oneshot, as `tokio-rayon` does.

use std::future::Future;
use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::oneshot;

use super::Offloader;
use crate::loops::POOL_THREADS;

#[derive(Clone)]
pub(crate) struct Rayon(Arc<ThreadPool>);

impl Rayon {
    pub(crate) fn new() -> Self {
        Self(Arc::new(ThreadPoolBuilder::new().num_threads(POOL_THREADS).build().expect("threads")))
    }
}

impl Offloader for Rayon {
    const NAME: &'static str = "rayon + oneshot";

    fn offload<F, T>(&self, job: F) -> impl Future<Output = T> + Send + use<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.0.spawn(move || drop(reply.send(job())));
        async { answer.await.expect("an answer") }
    }
}
