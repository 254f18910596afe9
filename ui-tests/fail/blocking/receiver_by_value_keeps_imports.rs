// errors: 1
// Imports that only the receiver uses cause no warning beside the error.
use portcullis::prelude::*;
use std::sync::Arc;

struct Words;

#[service]
impl Words {
    #[blocking]
    fn words_of(self: Arc<Self>, text: String) -> usize {
        text.split_whitespace().count()
    }
}

fn main() {}
