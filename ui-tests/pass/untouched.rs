//! Items without a role are unchanged: constants, types, plain methods, other attributes.
#![deny(warnings)]
use portcullis::prelude::*;
use std::sync::Arc;

/// Something to look at.
#[derive(Debug, Default)]
struct Mixed {
    n: u64,
}

macro_rules! method {
    ($name:ident) => {
        fn $name(&self) -> u64 {
            self.n
        }
    };
}

#[service]
impl Mixed {
    const TWO: u64 = 2;

    method!(generated);

    fn new(n: u64) -> Self {
        Self { n, ..Self::default() }
    }

    fn build(mut self, n: u64) -> Self {
        self.n = n;
        self
    }

    fn set(&mut self, n: u64) {
        self.n = n;
    }

    #[inline]
    #[must_use]
    const fn get(&self) -> u64 {
        self.n * Self::TWO
    }

    async fn join(&self, left: &str, right: &str) -> String {
        format!("{left}{}{right}", self.n)
    }

    async fn map(&self, f: impl Fn(u64) -> u64) -> u64 {
        f(self.n)
    }

    async fn free(n: u64) -> u64 {
        n
    }

    #[deprecated]
    #[allow(dead_code)]
    #[blocking]
    fn old(&self) {}

    #[doc(alias = "sum")]
    #[expect(clippy::unnecessary_operation, reason = "the attribute is carried over")]
    #[blocking]
    fn add(&self, n: u64) -> u64 {
        self.n + n
    }
}

fn main() {
    let mut mixed = Mixed::new(1).build(2);
    mixed.set(3);
    assert_eq!((mixed.get(), mixed.generated()), (6, 3));
    let mixed = Arc::new(mixed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert_eq!(mixed.join("<", ">").await, "<3>");
        assert_eq!(mixed.map(|n| n + 1).await, 4);
        assert_eq!(Mixed::free(1).await, 1);
        assert_eq!(mixed.add(1).await.unwrap(), 4);
    });
}
