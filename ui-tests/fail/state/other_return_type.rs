// errors: 1
// What a handler returns by another name is seen through.
use portcullis::prelude::*;

struct Door;
struct Wrong;

#[service(response = String)]
impl Door {
    #[state(start)]
    async fn shut(&self, _request: String) -> Wrong {
        Wrong
    }
}

fn main() {}
