//! A value copied out of a lock can be kept across an `.await`, as can the output of another
//! `read()`.
#![deny(warnings)]
use portcullis::prelude::*;
use std::sync::{Mutex, RwLock};

struct Sensor;

impl Sensor {
    fn read(&self) -> Result<u64, String> {
        Ok(1)
    }

    fn lock(&self) -> Option<&'static str> {
        Some("locked")
    }
}

struct Meter {
    total: Mutex<u64>,
    on: RwLock<bool>,
    sensor: Sensor,
}

#[service]
impl Meter {
    #[request]
    async fn read(&self, base: u64) -> u64 {
        let total = *self.total.lock().unwrap();
        let off = !*self.on.read().unwrap();
        let sum = base + *self.total.lock().unwrap();
        let twice: u64 = 2 * *self.total.lock().expect("sane");
        let seen = self.sensor.read().unwrap();
        let locked = self.sensor.lock().unwrap();
        let guard = self.total.lock().unwrap();
        drop(guard);
        tokio::task::yield_now().await;
        self.more().await;
        total + u64::from(off) + sum + twice + seen + locked.len() as u64
    }

    async fn more(&self) {
        if self.on.read().is_ok() {
            let copied = *self.total.lock().unwrap();
            let later = async move { copied + 1 };
            let _: u64 = later.await + copied;
        }
    }
}

fn main() {
    let meter = Meter { total: Mutex::new(1), on: RwLock::new(true), sensor: Sensor };
    let _ = Server::new(meter);
}
