// errors: 1
// An attribute of another crate with the same name would have no effect.
use portcullis::service;

mod other {
    pub use tokio::main as request;
}

struct Echo;

#[service]
impl Echo {
    #[other::request]
    async fn echo(&self, line: String) -> String {
        line
    }
}

fn main() {}
