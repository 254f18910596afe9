// errors: 1
// A server needs somebody who answers. (`Server` asks in two places.)
use portcullis::prelude::*;

struct Echo;

fn main() {
    let _ = Server::new(Echo);
}
