// errors: 1
// Either a method handles one request, or the whole connection.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[session]
    async fn talk(&self, session: &mut Session<u64, u64>) {
        let _ = session.peer();
    }
}

fn main() {}
