// errors: 1
// The hook that makes the connection's value exists, and only its event is misspelt.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[on(connected)]
    async fn connected(&self) -> u8 {
        1
    }

    #[request]
    async fn count(&self, n: &mut u8, line: String) -> String {
        *n += 1;
        line
    }
}

fn main() {}
