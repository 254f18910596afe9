// errors: 1
// A service has one request type.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo<T: Send + 'static>(&self, value: T) -> u64 {
        drop(value);
        1
    }
}

fn main() {}
