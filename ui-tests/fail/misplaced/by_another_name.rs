// errors: 1
// A macro sees the name in the source, not what it was imported from.
use portcullis::{request as ask, service};

struct Echo;

#[service]
impl Echo {
    #[ask]
    async fn echo(&self, line: String) -> String {
        line
    }
}

fn main() {}
