// errors: 1
// The hook decides whether the session continues.
use portcullis::prelude::*;
use std::convert::Infallible;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<Infallible>) -> u64 {
        drop(error);
        0
    }
}

fn main() {}
