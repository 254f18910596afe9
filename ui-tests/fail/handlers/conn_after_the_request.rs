// errors: 1
// The request is the last parameter. The codec isn't compared with the wrong type.
use portcullis::prelude::*;

struct Auction;

#[service]
impl Auction {
    #[on(connect)]
    async fn connected(&self) -> u32 {
        0
    }

    #[request]
    async fn bid(&self, bid: String, highest: &mut u32) -> String {
        *highest += 1;
        bid
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Auction).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
