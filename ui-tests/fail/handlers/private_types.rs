// errors: 4
// Associated types of a public type must be public. rustc repeats one in the error type.
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
