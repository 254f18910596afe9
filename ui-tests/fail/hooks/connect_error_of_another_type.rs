// errors: 1
// A service has one error type, which must hold the error of `#[on(connect)]`.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> Result<u64, std::fmt::Error> {
        Ok(n * 2)
    }

    #[on(connect)]
    async fn connected(&self) -> Result<u64, std::num::ParseIntError> {
        "1".parse()
    }
}

fn main() {}
