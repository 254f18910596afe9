//! Generated code under the strictest lint levels that a crate can set.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused, nonstandard_style)]
#![deny(rust_2018_idioms, rust_2024_compatibility, single_use_lifetimes, unused_qualifications)]

use portcullis::prelude::*;

/// A service.
#[derive(Debug)]
pub struct Echo {
    greeting: String,
}

#[service]
impl Echo {
    /// Makes one.
    pub fn new(greeting: &str) -> Self {
        Self { greeting: greeting.to_owned() }
    }

    /// Answers.
    #[request]
    pub async fn echo(&self, text: String) -> String {
        self.upper(text).await.unwrap_or_default()
    }

    /// Shouts.
    #[blocking]
    pub fn upper(&self, text: String) -> String {
        format!("{}{}", self.greeting, text.to_uppercase())
    }

    /// Counts.
    pub async fn count(&self, text: String) -> usize {
        text.len()
    }

    #[on(stop)]
    async fn stopped(&self) {}
}

/// Works.
#[blocking]
pub fn work(_worker: &Worker, n: u64) -> u64 {
    n
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let echo = std::sync::Arc::new(Echo::new("hey "));
    assert_eq!(runtime.block_on(echo.upper("you".to_owned())).unwrap(), "hey YOU");
    assert_eq!(runtime.block_on(work(1)).unwrap(), 1);
}
