// errors: 1
// What the receiver names is used, in spite of the mistake: no warning stands beside the error.
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
