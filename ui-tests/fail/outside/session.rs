// errors: 1
// `#[session]` is read by the block's attribute: alone it would do nothing.
use portcullis::prelude::*;

struct Echo;

impl Echo {
    #[session]
    async fn echo(&self, session: &mut Session<String, String>) {
        let _ = session.peer();
    }
}

fn main() {}
