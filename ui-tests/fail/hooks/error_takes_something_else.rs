// errors: 1
// The error may come from the handler, a panic or the codec.
use portcullis::prelude::*;
use std::{fmt, ops::ControlFlow};

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> Result<u64, fmt::Error> {
        Ok(n * 2)
    }

    #[on(error)]
    async fn failed(&self, error: fmt::Error) -> ControlFlow<Reason, u64> {
        drop(error);
        ControlFlow::Continue(0)
    }
}

fn main() {}
