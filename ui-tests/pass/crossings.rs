//! All calls between event loop and threads: in both directions, between threads, and nested.
use portcullis::{Interrupted, prelude::*};
use std::sync::Arc;

struct Steps {
    cpu: Pool,
    io: Pool,
}

#[service]
impl Steps {
    #[request]
    async fn down(&self, n: u64) -> Result<u64, Interrupted> {
        self.on_a_thread(n).await
    }

    #[blocking(pool = self.cpu)]
    fn on_a_thread(&self, worker: &Worker, n: u64) -> Result<u64, Interrupted> {
        match n {
            0 => Ok(0),
            n if n % 3 == 0 => self.on_the_loop(n - 1).wait(worker)?,
            n if n % 3 == 1 => self.on_another_thread(n - 1).wait(worker),
            n => self.blocking_on_another_thread(worker, n - 1),
        }
        .map(|depth| depth + 1)
    }

    #[blocking(pool = self.io)]
    fn on_another_thread(&self, worker: &Worker, n: u64) -> Result<u64, Interrupted> {
        self.on_the_loop(n).wait(worker)?
    }

    async fn on_the_loop(&self, n: u64) -> Result<u64, Interrupted> {
        if n == 0 { Ok(0) } else { self.on_a_thread(n).await }
    }

    async fn spawned(&self, n: u64) -> u64 {
        tokio::spawn(self.on_the_loop(n)).await.unwrap().unwrap()
    }

    #[blocking]
    fn asks_for_more(&self, worker: &Worker) -> Result<u64, Interrupted> {
        let block = async { 1_u64 }.wait(worker)?;
        let called = worker.call(|| 1_u64)? + worker.run_on_loop(async { 1_u64 })?;
        // One `?` for a job, whatever it returns; an `Interrupted` becomes the job's own error.
        let plain = self.half(4).wait(worker)?;
        let own: Result<u64, Odd> = self.half_of_even(3).wait(worker);
        assert!(own.is_err_and(|odd| !odd.interrupted) && plain == 2);
        let spawned = worker.spawn(self.on_the_loop(0)).wait(worker)???;
        let this = Arc::clone(self);
        let moved = async move { this.on_the_loop(0).await }.wait(worker)??;
        Ok(block + called + spawned + moved)
    }
}

#[derive(Debug)]
struct Odd {
    interrupted: bool,
}

impl From<Interrupted> for Odd {
    fn from(_: Interrupted) -> Self {
        Odd { interrupted: true }
    }
}

#[service]
impl Steps {
    #[blocking(pool = self.io)]
    fn half(&self, n: u64) -> u64 {
        n / 2
    }

    #[blocking(pool = self.io)]
    fn half_of_even(&self, n: u64) -> Result<u64, Odd> {
        if n % 2 == 0 { Ok(n / 2) } else { Err(Odd { interrupted: false }) }
    }
}

fn main() {
    let pool = |name: &str| Pool::builder(name).threads(1).build().unwrap();
    let steps = Arc::new(Steps { cpu: pool("cpu"), io: pool("io") });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(steps.down(7).await.unwrap(), steps.spawned(7).await);
        assert_eq!(steps.asks_for_more().await.unwrap(), 3);
    });
}
