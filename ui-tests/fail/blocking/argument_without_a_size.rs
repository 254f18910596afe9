// errors: 1
// A job owns its arguments.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[request]
    async fn echo(&self, line: String) -> Result<usize, portcullis::Interrupted> {
        self.length(line).await
    }

    #[blocking]
    fn length(&self, line: str) -> usize {
        line.len()
    }
}

fn main() {}
