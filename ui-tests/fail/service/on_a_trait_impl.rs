// errors: 1
// A trait has no place for what is generated.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Default for Echo {
    fn default() -> Self {
        Echo
    }
}

fn main() {}
