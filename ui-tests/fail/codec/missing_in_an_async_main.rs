// errors: 1
// A server needs a codec to read requests.
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
    let server = Server::new(Counter).bind("127.0.0.1:0")?.spawn().await?;
    server.stop().await?;
    Ok(())
}
