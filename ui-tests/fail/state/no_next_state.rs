// errors: 1
// A handler says where the session goes.
use portcullis::prelude::*;

struct Door;

#[service(response = String)]
impl Door {
    #[state(start)]
    async fn shut(&self, _request: String) {}
}

fn main() {}
