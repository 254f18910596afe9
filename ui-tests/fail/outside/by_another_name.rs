// errors: 1
// A macro sees the name that is written, and not what it was imported as.
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
