// errors: 1
// The service calls the handler.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn sum(&self, n: u64) -> u64;
}

fn serve() -> Server<Maths> {
    Server::new(Maths)
}

fn main() {
    let _ = serve();
}
