//! A pool by hand: a bounded crossbeam channel of boxed closures that answer through a tokio
//! oneshot.

use std::future::Future;
use std::thread;

use crossbeam_channel::{Sender, bounded};
use tokio::sync::oneshot;

use super::Offloader;
use crate::loops::{POOL_THREADS, QUEUE};

type Job = Box<dyn FnOnce() + Send>;

#[derive(Clone)]
pub(crate) struct Crossbeam(Sender<Job>);

impl Crossbeam {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = bounded::<Job>(QUEUE);
        for _ in 0..POOL_THREADS {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.iter().for_each(|job| job()));
        }
        Self(sender)
    }
}

impl Offloader for Crossbeam {
    const NAME: &'static str = "crossbeam + oneshot";

    fn offload<F, T>(&self, job: F) -> impl Future<Output = T> + Send + use<F, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move || drop(reply.send(job())));
        assert!(self.0.send(job).is_ok(), "the pool's threads live on");
        async { answer.await.expect("an answer") }
    }
}
