//! `#[before]` and `#[after]` around a request, with all parameters, and fallible.
#![deny(warnings)]

use portcullis::prelude::*;

struct Desk;

#[service]
impl Desk {
    #[on(connect)]
    async fn connected(&self) -> u64 {
        0
    }

    #[request]
    async fn ask(&self, conn: &mut u64, request: String) -> std::io::Result<String> {
        *conn += 1;
        Ok(request)
    }

    #[before]
    async fn admit(
        &self,
        peer: &Peer<String>,
        conn: &mut u64,
        request: String,
    ) -> std::io::Result<ControlFlow<String, String>> {
        Ok(if peer.id() > *conn { ControlFlow::Continue(request) } else { ControlFlow::Break(request) })
    }

    #[after]
    async fn count(&self, conn: &mut u64, _response: &String) -> Result<(), std::io::Error> {
        *conn += 1;
        Ok(())
    }
}

fn main() {
    let _ = Desk;
}
