// errors: 1
// There would be nothing to send.
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[rpc]
    async fn hang(&self) -> ! {
        std::future::pending::<()>().await;
        unreachable!()
    }
}

fn main() {}
