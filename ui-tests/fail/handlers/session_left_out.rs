// errors: 1
// A `#[session]` handler reads requests from its session, the last parameter.
use std::convert::Infallible;

use portcullis::prelude::*;

struct Talk;

struct Seen(u64);

#[service]
impl Talk {
    #[on(connect)]
    async fn connected(&self) -> Seen {
        Seen(0)
    }

    #[session]
    async fn talk(&self, seen: &mut Seen) -> Result<(), Infallible> {
        seen.0 += 1;
        Ok(())
    }
}

fn main() {}
