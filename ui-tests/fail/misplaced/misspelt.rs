// errors: 1
// The compiler reports the unknown attribute, and nothing else follows.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[reqest]
    async fn echo(&self, line: String) -> String {
        line
    }
}

fn main() {
    Server::new(Echo).codec(Lines::new()).bind("127.0.0.1:0").unwrap().run_until_signal().unwrap();
}
