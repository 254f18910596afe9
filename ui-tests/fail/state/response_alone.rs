// errors: 1
// A handler returns the next state.
use portcullis::prelude::*;

struct Door;

#[service(response = String)]
impl Door {
    #[state(start)]
    async fn shut(&self, request: String) -> String {
        request
    }
}

fn main() {}
