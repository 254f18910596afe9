//! Calls of the block's own methods that look like a mistake, but are correct.
#![deny(warnings)]
use portcullis::{Interrupted, Offload, prelude::*};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

struct Place {
    at: u64,
}

struct Looks {
    n: AtomicU64,
    place: Mutex<Place>,
    cpu: Pool,
}

#[service]
impl Looks {
    #[request]
    async fn answer(&self, n: u64) -> Result<u64, Interrupted> {
        let mut sum = 1;
        sum += self.job(n).await?;
        let job: Offload<u64> = self.job(n);
        let twice = 2 * self.job(n).await? + self.helper(n).await;
        if self.helper(n).await == 0 || self.job(n).await? == 0 {
            return Ok(0);
        }
        let this = Arc::clone(self);
        let here = self.cpu.run(move |worker| this.blocking_job(worker, n) + 1).await?;
        self.place.lock().unwrap().at += 1;
        let mut place = Place { at: 0 };
        place.at = self.n.load(Relaxed);
        Ok(sum + job.await? + twice + here + place.at + self.waits(n).await?)
    }

    #[blocking]
    fn job(&self, n: u64) -> u64 {
        n
    }

    async fn helper(&self, n: u64) -> u64 {
        n + self.lends(&n.to_string()).await
    }

    async fn lends(&self, text: &str) -> u64 {
        text.len() as u64
    }

    #[blocking]
    fn waits(&self, worker: &Worker, n: u64) -> Result<u64, Interrupted> {
        let this = Arc::clone(self);
        let lent = async move { this.lends("four").await + this.answer(0).await.unwrap_or(0) }.wait(worker)?;
        let mut sum = lent + self.blocking_job(worker, n) + self.helper(n).wait(worker)?;
        sum += self.job(n).wait(worker)?;
        let this = Arc::clone(self);
        worker.spawn(async move { this.n.fetch_add(1, Relaxed) }).detach();
        let held = worker.call(|| 1)?;
        drop(async { worker.is_cancelled() });
        let ends = || -> Result<(), Interrupted> { worker.check()?; Ok(()) };
        ends()?;
        Ok(sum + held + u64::from(self.plain(worker, 1)))
    }

    #[blocking]
    fn counts(&self, worker: &Worker) -> u64 {
        let all = |n: u64| -> Result<u64, Interrupted> { Ok(self.helper(n).wait(worker)? + 1) };
        all(1).unwrap_or(0)
    }

    fn plain(&self, worker: &Worker, n: u8) -> u8 {
        n + u8::from(worker.is_cancelled())
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let cpu = Pool::builder("cpu").threads(1).build().unwrap();
    let looks = Arc::new(Looks { n: AtomicU64::new(0), place: Mutex::new(Place { at: 0 }), cpu });
    runtime.block_on(async {
        assert!(looks.answer(1).await.is_ok());
        assert_eq!(looks.counts().await.unwrap(), 3);
    });
}
