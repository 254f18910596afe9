// errors: 1
// `self` is an `Arc` of the service, and an `Arc` has no variants.
use portcullis::prelude::*;

enum Mode {
    Loud,
    Quiet,
}

#[service]
impl Mode {
    #[request]
    async fn greet(&self, text: String) -> String {
        match self {
            Mode::Loud => text + "!",
            Mode::Quiet => text,
        }
    }
}

fn main() {}
