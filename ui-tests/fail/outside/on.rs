// errors: 1
// `#[on]` is read by the block's attribute: alone it would do nothing.
use portcullis::prelude::*;

struct Echo;

impl Echo {
    #[on(stop)]
    async fn stopped(&self) {}
}

fn main() {}
