// errors: 1
// The hook responds with the service's response type.
use portcullis::prelude::*;
use std::{convert::Infallible, ops::ControlFlow};

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<Infallible>) -> ControlFlow<Reason, String> {
        ControlFlow::Continue(error.to_string())
    }
}

fn main() {}
