// errors: 1
// A handler is called by the service: there would be nothing to call.
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
