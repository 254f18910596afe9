// errors: 1
// The connection is closed, so the hook owns its value.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(connect)]
    async fn connected(&self) -> String {
        String::new()
    }

    #[on(disconnect)]
    async fn left(&self, name: &mut String, reason: Reason) {
        drop((name.clone(), reason));
    }
}

fn main() {}
