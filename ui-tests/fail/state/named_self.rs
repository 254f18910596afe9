// errors: 1
// `Self` is one of Rust's words, and no name for a variant.
use portcullis::prelude::*;

struct Mirror;

#[service]
impl Mirror {
    #[state(start)]
    async fn self_(&self, line: String) -> (String, MirrorState) {
        (line, MirrorState::Closed)
    }

    #[event(self_)]
    async fn turned(&self, _degrees: u16) -> MirrorState {
        MirrorState::Closed
    }
}

fn main() {}
