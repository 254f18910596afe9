// errors: 1
// A codec that doesn't fit is one error: none at `spawn` and its future.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, n: u64) -> u64 {
        n + 1
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::new(Counter).codec(Lines::new()).bind("127.0.0.1:0")?.spawn().await?;
    println!("{}", server.local_addr());
    server.stop().await?;
    Ok(())
}
