//! A machine under the strictest lint levels that a crate can set.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused, nonstandard_style)]
#![deny(rust_2018_idioms, rust_2024_compatibility, single_use_lifetimes, unused_qualifications)]

use portcullis::prelude::*;

/// A service.
#[derive(Debug)]
pub struct Door;

#[service(state(derive(Debug)))]
impl Door {
    #[on(connect)]
    async fn opened(&self, _peer: &Peer<u64, String>) -> u64 {
        0
    }

    #[before]
    async fn ahead(&self, _count: &mut u64, request: u64) -> Result<ControlFlow<u64, u64>, std::fmt::Error> {
        Ok(ControlFlow::Continue(request))
    }

    #[after]
    async fn behind(&self, _response: &u64) {}

    /// No one can pass.
    #[state(start)]
    pub async fn shut(&self, count: &mut u64, request: u64) -> (u64, DoorState) {
        *count += 1;
        (request, DoorState::Open(request))
    }

    #[state(idle = "1m", max_duration = "1h")]
    async fn open(&self, _by: u64, _request: u64) -> DoorState {
        DoorState::Shut
    }

    #[event(open)]
    async fn note(&self, by: u64, _event: String) -> Result<DoorState, std::fmt::Error> {
        Ok(DoorState::Open(by))
    }

    #[on(timeout = open)]
    async fn fell_shut(&self, by: u64) -> (u64, DoorState) {
        (by, DoorState::Shut)
    }

    #[on(disconnect)]
    async fn left(&self, _count: u64, _last: Option<DoorState>, _reason: Reason) {}
}

fn main() {
    let _ = Server::new(Door).codec(JsonLines::new());
}
