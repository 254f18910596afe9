// errors: 1
// A server's codec writes responses. The error is at the call that sets the codec.
use portcullis::{LengthPrefixed, Postcard, prelude::*};

struct Answer(u64);

struct Counter;

#[service]
impl Counter {
    #[request]
    async fn count(&self, n: u64) -> Answer {
        Answer(n + 1)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Counter).codec(LengthPrefixed::<Postcard>::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
