// errors: 1
// All threads of each pool may wait for a thread of the other.
#![deny(deprecated)]
use portcullis::prelude::*;

struct Service {
    cpu: Pool,
    disk: Pool,
}

#[service]
impl Service {
    #[blocking(pool = self.cpu)]
    fn shrink(&self, worker: &Worker, name: String) -> Result<Vec<u8>, Interrupted> {
        self.fetch(name).wait(worker)?
    }

    async fn fetch(&self, name: String) -> Result<Vec<u8>, Interrupted> {
        self.load(name).await
    }

    #[blocking(pool = self.disk)]
    fn load(&self, worker: &Worker, name: String) -> Result<Vec<u8>, Interrupted> {
        self.decode(name.into_bytes()).wait(worker)
    }

    #[blocking(pool = self.cpu)]
    fn decode(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }
}

use portcullis::Interrupted;

fn main() {}
