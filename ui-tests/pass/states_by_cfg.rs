//! Variants and match arms have the `cfg` of their state.
#![deny(warnings)]

use portcullis::prelude::*;

struct Door;

#[service]
impl Door {
    #[cfg(not(any()))]
    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }

    #[cfg(any())]
    #[state(start, idle = "1s")]
    async fn open(&self, nothing: NoSuchType, request: String) -> (String, DoorState) {
        (request, DoorState::Open(nothing))
    }

    #[cfg(any())]
    #[event(open)]
    async fn slammed(&self, _nothing: NoSuchType, _by: u32) -> DoorState {
        DoorState::Shut
    }
}

fn main() {
    let _ = Door;
}
