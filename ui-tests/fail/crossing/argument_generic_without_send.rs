// errors: 1
// A type parameter says for itself that it is `Send`.
use portcullis::prelude::*;

#[blocking]
fn forget<T: 'static>(value: T) {
    drop(value);
}

fn main() {}
