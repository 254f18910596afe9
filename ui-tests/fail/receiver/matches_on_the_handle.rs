// errors: 1
// `self` is the service's `Arc` in what crosses, and an `Arc` has no variants.
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
