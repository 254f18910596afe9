// errors: 1
// An attribute of the same name from elsewhere would be dropped in silence.
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
