// errors: 1
// What the block says and what the handler gives is compared by the compiler.
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
