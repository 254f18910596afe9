// errors: 1
// A trait doesn't declare what is generated.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Default for Echo {
    fn default() -> Self {
        Echo
    }
}

fn main() {}
