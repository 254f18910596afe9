// errors: 1
// What the block says and what the handler takes is compared by the compiler.
use portcullis::prelude::*;

struct Echo;

#[service(request = u64)]
impl Echo {
    #[request]
    async fn echo(&self, text: String) -> String {
        text
    }
}

fn main() {}
