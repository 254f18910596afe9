// errors: 1
// The handler owns the request, because the codec doesn't keep the bytes.
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
