//! Warnings can be allowed and expected, on a method and on a block. Correct code has none.
#![deny(warnings)]
use portcullis::Interrupted;
use portcullis::prelude::*;
use std::{fs, io, sync::Mutex, thread, time::Duration};

struct Service {
    cpu: Pool,
    disk: Pool,
    n: Mutex<u64>,
}

#[service]
impl Service {
    #[request]
    #[allow(deprecated)]
    async fn answer(&self, request: u64) -> u64 {
        thread::sleep(Duration::from_millis(1));
        request
    }

    #[expect(deprecated)]
    async fn brief(&self) -> io::Result<Vec<u8>> {
        Ok(fs::read("/dev/null")?)
    }

    #[expect(deprecated)]
    #[blocking]
    fn idle(&self, worker: &Worker) {}

    #[expect(deprecated)]
    async fn forgets(&self) {
        let _ = self.load(String::new());
    }

    #[on(stop)]
    async fn stop(&self) {
        let _ = self.detached();
        let _ = self.load(String::new()).await;
        let slept = self.cpu.run(|_| thread::sleep(Duration::from_millis(1))).await;
        {
            let mut n = self.n.lock().unwrap();
            *n += u64::from(slept.is_ok());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    #[blocking(detached)]
    fn detached(&self) {}

    #[blocking(pool = self.cpu)]
    fn shrink(&self, worker: &Worker, name: String) -> Result<Vec<u8>, Interrupted> {
        self.load(name).wait(worker)
    }

    #[blocking(pool = self.disk)]
    fn load(&self, worker: &Worker, name: String) -> Result<Vec<u8>, Interrupted> {
        worker.check()?;
        Ok(name.into_bytes())
    }
}

struct Rough;

#[allow(deprecated)]
#[service]
impl Rough {
    #[request]
    async fn answer(&self, request: u64) -> u64 {
        thread::sleep(Duration::from_millis(1));
        request
    }
}

#[expect(deprecated)]
#[blocking]
fn idle(worker: &Worker) {}

fn main() {
    let _ = (idle as fn() -> _, Service::brief as fn(&std::sync::Arc<Service>) -> _, Service::forgets as fn(&std::sync::Arc<Service>) -> _);
}
