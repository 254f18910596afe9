//! A service in a `macro_rules`: names, types and bodies are fragments.
use portcullis::prelude::*;
use std::sync::Arc;

macro_rules! counter {
    ($name:ident, $ty:ty, $pool:expr, $limit:literal, $body:block) => {
        struct $name {
            n: $ty,
        }

        #[service]
        impl $name {
            #[request]
            async fn count(&self, more: $ty) -> $ty {
                self.add(more).await.unwrap_or_default()
            }

            #[blocking(pool = $pool, deadline = $limit)]
            fn add(&self, more: $ty) -> $ty {
                self.n + more + $body
            }
        }
    };
}

counter!(Wide, u64, Pool::shared(), "2s", { 1 });
counter!(Narrow, u8, Pool::shared(), "2s", { 2 });

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(Arc::new(Wide { n: 1 }).count(1)), 3);
    assert_eq!(runtime.block_on(Arc::new(Narrow { n: 1 }).count(1)), 4);
}
