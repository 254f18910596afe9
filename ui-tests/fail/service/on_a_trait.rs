// errors: 1
// A service is a type whose methods have bodies.
use portcullis::prelude::*;

#[service]
trait Echo {
    #[request]
    async fn echo(&self, text: String) -> String;
}

fn main() {}
