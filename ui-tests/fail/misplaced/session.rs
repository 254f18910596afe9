// errors: 1
// Only `#[service]` reads the attribute. Alone it would have no effect.
use portcullis::prelude::*;

struct Echo;

impl Echo {
    #[session]
    async fn echo(&self, session: &mut Session<String, String>) {
        let _ = session.peer();
    }
}

fn main() {}
