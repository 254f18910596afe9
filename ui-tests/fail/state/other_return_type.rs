// errors: 1
// The compiler resolves an alias of the output.
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
