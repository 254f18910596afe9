// errors: 1
// States come in a later version.
use portcullis::prelude::*;

struct Smtp;

#[service]
impl Smtp {
    #[state(start)]
    async fn greeting(&self, hello: String) -> u64 {
        hello.len() as u64
    }
}

fn main() {}
