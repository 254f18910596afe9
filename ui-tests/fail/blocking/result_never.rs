// errors: 1
// A job's value is a type that generics can name, and `!` is none yet.
use portcullis::prelude::*;

#[blocking]
fn pump() -> ! {
    loop {
        std::thread::park();
    }
}

fn main() {}
