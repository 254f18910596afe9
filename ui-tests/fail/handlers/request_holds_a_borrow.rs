// errors: 1
// The request goes from the connection to the handler, and the bytes are gone by then.
use portcullis::prelude::*;
use std::borrow::Cow;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn count(&self, text: Cow<'_, str>) -> u64 {
        text.len() as u64
    }
}

fn main() {}
