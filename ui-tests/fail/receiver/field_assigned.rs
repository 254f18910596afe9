// errors: 1
// Connections and jobs share the service, so its fields can't be assigned to.
use portcullis::prelude::*;

struct Counter {
    total: usize,
}

#[service]
impl Counter {
    #[request]
    async fn count(&self, text: String) -> usize {
        self.total += text.len();
        self.total
    }
}

fn main() {}
