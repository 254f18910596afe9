//! Names of the user and of generated code don't collide.
use portcullis::prelude::*;
use std::sync::Arc;

#[allow(dead_code)]
struct Result;
#[allow(dead_code)]
struct Future;
#[allow(dead_code, non_camel_case_types)]
struct Send;

struct Names {
    pool: Pool,
}

#[service]
impl Names {
    #[request]
    async fn request(&self, request: u64) -> u64 {
        let (state, peer, conn) = (request, 1, 2);
        self.this(state, peer, conn).await
    }

    async fn this(&self, this: u64, pool: u64, worker: u64) -> u64 {
        self.job(this, pool, worker, 0).await.unwrap_or(0)
    }

    #[blocking(pool = self.pool)]
    fn job(&self, this: u64, pool: u64, worker: u64, arg0: u64) -> u64 {
        this + pool + worker + arg0
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let names = Arc::new(Names { pool: Pool::builder("names").threads(1).build().unwrap() });
    assert_eq!(runtime.block_on(names.request(1)), 4);
}
