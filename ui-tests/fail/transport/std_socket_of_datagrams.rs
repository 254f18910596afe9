// errors: 1
// A socket of std has no codec for its datagrams.
use portcullis::prelude::*;

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, text: String) -> String {
        text
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    Server::new(Counter).codec(Lines::new()).listen(socket)?.run_until_signal()?;
    Ok(())
}
