// errors: 1
// The compiler compares the types of the block and of the handler.
use portcullis::prelude::*;

struct Echo;

#[service(response = u64)]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
