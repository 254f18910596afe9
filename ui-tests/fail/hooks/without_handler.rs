// errors: 1
// Hooks belong to the service that the handlers define.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[on(stop)]
    async fn stopped(&self) {}
}

fn main() {}
