// errors: 1
// A function without its body is one error, and causes none in other methods.
use portcullis::{Interrupted, prelude::*};

struct Sums {
    cpu: Pool,
}

#[service]
impl Sums {
    async fn twice(&self, n: u64) -> u64

    #[request]
    async fn sum(&self, n: u64) -> Result<u64, Interrupted> {
        self.slow(self.plus(n).await).await
    }

    async fn plus(&self, n: u64) -> u64 {
        n + 1
    }

    #[blocking(pool = self.cpu)]
    fn slow(&self, worker: &Worker, n: u64) -> Result<u64, Interrupted> {
        self.blocking_next(worker, n)
    }

    #[blocking]
    fn next(&self, worker: &Worker, n: u64) -> Result<u64, Interrupted> {
        self.plus(n).wait(worker)
    }
}

fn serve() -> Server<Sums, LengthPrefixed<Postcard>> {
    Server::new(Sums { cpu: Pool::shared().clone() }).codec(LengthPrefixed::new())
}

fn main() {
    let _ = serve();
}
