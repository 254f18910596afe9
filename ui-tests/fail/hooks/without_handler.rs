// errors: 1
// Hooks are of the service that the handler makes.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[on(stop)]
    async fn stopped(&self) {}
}

fn main() {}
