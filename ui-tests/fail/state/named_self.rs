// errors: 1
// `Self` is a keyword and can't be a variant.
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
