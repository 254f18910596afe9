// errors: 1
// The peer comes before the request.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64, peer: &Peer<u64>) -> u64 {
        n + peer.id()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Maths).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
