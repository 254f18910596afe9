// errors: 1
// In a block without handlers the types would have no effect.
use portcullis::prelude::*;

struct Echo;

#[service(request = String)]
impl Echo {
    pub async fn count(&self) -> u64 {
        1
    }
}

fn main() {}
