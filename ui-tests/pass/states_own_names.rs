//! Names of the user and of generated code don't collide in a machine: data, variants, types.
#![deny(warnings)]
use portcullis::prelude::*;

#[allow(dead_code)]
struct Option;
#[allow(dead_code)]
struct Step;
#[allow(dead_code)]
struct Some;

struct Names;

#[service]
impl Names {
    #[on(connect)]
    async fn connected(&self) -> (u64, NamesState) {
        (0, NamesState::State(1, 2, 3))
    }

    #[state(start)]
    async fn state(&self, conn: &mut u64, state: u64, peer: u64, step: u64, event: u64) -> (u64, NamesState) {
        *conn += state + peer + step;
        (event, NamesState::Step(*conn, event, 0))
    }

    #[state(idle = "1m")]
    async fn step(&self, conn: u64, request: u64, response: u64, event: u64) -> NamesState {
        if event == 0 { NamesState::None } else { NamesState::Step(conn, request, response) }
    }

    #[state]
    async fn none(&self, request: u64) -> (u64, NamesState) {
        (request, NamesState::Break(request))
    }

    #[state]
    async fn r#break(&self, other: u64, flow: u64) -> (u64, NamesState) {
        (other, if flow == 0 { NamesState::State2 } else { NamesState::r#Closed })
    }

    #[state]
    async fn state_2(&self, this: u64) -> (u64, NamesState) {
        (this, NamesState::None)
    }

    #[event(step)]
    async fn event(&self, event: u64, state: u64, other: u64, name: u64) -> NamesState {
        NamesState::Step(event, state + other, name)
    }

    #[on(timeout = step)]
    async fn timed_out(&self, conn: u64, peer: u64, state: u64) -> (u64, NamesState) {
        (conn + peer + state, NamesState::Closed)
    }
}

fn main() {
    let _ = Server::new(Names).codec(portcullis::JsonLines::new());
}
