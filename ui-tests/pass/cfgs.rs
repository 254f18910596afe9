//! `cfg` on methods, handlers and hooks: nothing is generated for a method that is configured out.
#![deny(warnings)]
use portcullis::prelude::*;
use std::sync::Arc;

struct Files;

#[service]
impl Files {
    #[cfg(any())]
    #[request]
    async fn read(&self, request: Missing) -> Missing {
        request
    }

    #[cfg(not(any()))]
    #[request]
    async fn read(&self, request: u64) -> u64 {
        self.size(request).await
    }

    #[cfg(any())]
    #[on(connect)]
    async fn connected(&self) -> Missing {
        Missing
    }

    #[cfg(not(any()))]
    #[on(stop)]
    async fn stopped(&self) {}

    #[cfg(any())]
    #[on(stop)]
    async fn stopped(&self) {
        missing()
    }

    #[cfg(not(any()))]
    async fn size(&self, n: u64) -> u64 {
        self.measure(n).await.unwrap_or(0)
    }

    #[cfg(any())]
    async fn size(&self, n: Missing) -> u64 {
        missing(n)
    }

    #[cfg(not(any()))]
    #[blocking]
    fn measure(&self, n: u64) -> u64 {
        n + 1
    }

    #[cfg(any())]
    #[blocking(pool = self.missing)]
    fn measure(&self, n: Missing) -> Missing {
        n
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    assert_eq!(runtime.block_on(Arc::new(Files).read(1)), 2);
    let _ = Server::new(Files).codec(portcullis::JsonLines::new());
}
