// errors: 1
// A server holds one service, of a size that is known. (Jobs of an object are another thing, and legal.)
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
