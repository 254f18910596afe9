// errors: 1
// `Offload` needs a type that generics can name, and `!` isn't one yet.
use portcullis::prelude::*;

#[blocking]
fn pump() -> ! {
    loop {
        std::thread::park();
    }
}

fn main() {}
