// errors: 1
// A server owns one service of a known size. Blocking methods of a trait object are valid.
use portcullis::prelude::*;

trait Store: Send + Sync {
    fn get(&self, key: u64) -> u64;
}

#[service]
impl dyn Store {
    #[request]
    async fn serve(&self, key: u64) -> u64 {
        self.get(key)
    }
}

fn main() {}
