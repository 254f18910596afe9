//! `blocking::unblock`, of smol and async-std.

use std::future::Future;
use std::process::ExitCode;

use super::Offloader;
use crate::loops::POOL_THREADS;

#[derive(Clone)]
pub(crate) struct Unblock;

impl Offloader for Unblock {
    const NAME: &'static str = "blocking::unblock";

    fn offload<F, T>(&self, job: F) -> impl Future<Output = T> + Send + use<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        ::blocking::unblock(job)
    }
}

/// Restarts this program, because the crate reads the number of its threads from the environment at
/// its first use.
pub(crate) fn again_with_its_threads_limited() -> Option<ExitCode> {
    crate::again_with("BLOCKING_MAX_THREADS", POOL_THREADS.to_string())
}
