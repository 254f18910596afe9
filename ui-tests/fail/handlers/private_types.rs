// errors: 4
// What a public service names is public: that is Rust's rule for associated types, told at each of the types. (And once more where the
// error of two of them is looked for.)
use portcullis::prelude::*;

pub struct Door;
struct Visit;
struct Ask;
struct Answer;

#[service]
impl Door {
    #[on(connect)]
    async fn connected(&self) -> Visit {
        Visit
    }

    #[request]
    async fn open(&self, _visit: &mut Visit, _ask: Ask) -> Answer {
        Answer
    }
}

fn main() {}
