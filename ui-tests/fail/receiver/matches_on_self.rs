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
        if matches!(self, Mode::Loud) { text + "!" } else { text }
    }
}


fn main() {
    let _ = [Mode::Loud, Mode::Quiet];
}
