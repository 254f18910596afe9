// errors: 1
// The hook takes the error type of the handlers.
use portcullis::prelude::*;
use std::{fmt, io, ops::ControlFlow};

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> Result<u64, fmt::Error> {
        Ok(n * 2)
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<io::Error>) -> ControlFlow<Reason, u64> {
        drop(error);
        ControlFlow::Continue(0)
    }
}

fn main() {}
