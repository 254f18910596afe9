// errors: 1
// Only `#[service]` reads the attribute. Alone it would have no effect.
use portcullis::prelude::*;

struct Echo;

impl Echo {
    #[on(stop)]
    async fn stopped(&self) {}
}

fn main() {}
