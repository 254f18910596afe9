// errors: 1
// In a block that answers nobody, the types would be dropped in silence.
use portcullis::prelude::*;

struct Echo;

#[service(request = String)]
impl Echo {
    pub async fn count(&self) -> u64 {
        1
    }
}

fn main() {}
