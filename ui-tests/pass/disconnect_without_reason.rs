//! `#[on(disconnect)]` takes any subset of its parameters.
#![deny(warnings)]
use portcullis::prelude::*;

struct Maths;

#[service]
impl Maths {
    #[request]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[on(connect)]
    async fn connected(&self) -> Result<String, std::io::Error> {
        Ok(String::new())
    }

    #[on(disconnect)]
    async fn left(&self, name: String) {
        drop(name);
    }
}

struct Door;

#[service]
impl Door {
    #[on(connect)]
    async fn connected(&self) -> (Vec<String>, DoorState) {
        (Vec::new(), DoorState::Shut)
    }

    #[state(start)]
    async fn shut(&self, request: String) -> (String, DoorState) {
        (request, DoorState::Shut)
    }

    #[on(disconnect)]
    async fn left(&self, peer: &Peer<String>, seen: Vec<String>) {
        drop((peer.id(), seen));
    }
}

struct Gate;

#[service]
impl Gate {
    #[on(connect)]
    async fn connected(&self) -> u32 {
        1
    }

    #[state(start)]
    async fn shut(&self, request: String) -> (String, GateState) {
        (request, GateState::Shut)
    }

    #[on(disconnect)]
    async fn left(&self, visits: u32, last: Option<GateState>) {
        drop((visits, last));
    }
}

struct Fence;

#[service]
impl Fence {
    #[state(start)]
    async fn shut(&self, request: String) -> (String, FenceState) {
        (request, FenceState::Shut)
    }

    #[on(disconnect)]
    async fn left(&self, last: Option<FenceState>) {
        drop(last);
    }
}

fn main() {
    let _ = Server::new(Maths).codec(portcullis::JsonLines::new());
    let _ = Server::new(Door).codec(Lines::new());
    let _ = Server::new(Gate).codec(Lines::new());
    let _ = Server::new(Fence).codec(Lines::new());
}
