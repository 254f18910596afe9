// errors: 1
// A call of a job is its future, and the variable is a number.
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    #[request]
    async fn length(&self, text: String) -> u64 {
        let length: u64 = self.count(text);
        length
    }

    #[blocking]
    fn count(&self, text: String) -> u64 {
        text.len() as u64
    }
}

fn main() {}
