//! `send_result` sends the whole `Result`.
use portcullis::{LengthPrefixed, Postcard, prelude::*};

struct Divide;

#[service]
impl Divide {
    #[request(send_result)]
    async fn divide(&self, (a, b): (u64, u64)) -> Result<u64, String> {
        a.checked_div(b).ok_or_else(|| "by zero".to_owned())
    }
}

fn main() {
    let _ = Server::new(Divide).codec(LengthPrefixed::<Postcard>::new());
}
