// errors: 1
// Of a codec that does not fit, what comes behind it says nothing: neither `spawn` nor its future.
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
