// errors: 1
// The value lives as long as the connection.
use portcullis::prelude::*;

struct Maths {
    name: String,
}

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(connect)]
    async fn connected(&self) -> &str {
        &self.name
    }
}

fn main() {}
