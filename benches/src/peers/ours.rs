//! Portcullis itself.

use std::future::Future;

use portcullis::Pool;

use super::Offloader;
use crate::loops::{POOL_THREADS, QUEUE};

/// Our pool, in the size that every peer gets.
pub(crate) fn pool() -> Pool {
    Pool::builder("bench").threads(POOL_THREADS).queue_capacity(QUEUE).build().expect("threads")
}

#[derive(Clone)]
pub(crate) struct Ours(pub(crate) Pool);

impl Offloader for Ours {
    const NAME: &'static str = "portcullis";

    fn offload<F, T>(&self, job: F) -> impl Future<Output = T> + Send + use<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let offload = self.0.run(|_| job());
        async { offload.await.expect("an outcome") }
    }
}
