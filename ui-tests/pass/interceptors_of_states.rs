//! `#[before]` and `#[after]` around a request and states: with and without peer, value and errors.
#![deny(warnings)]
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[on(connect)]
    async fn connected(&self) -> u64 {
        0
    }

    #[before]
    async fn allow(&self, peer: &Peer<String>, seen: &mut u64, mut line: String) -> ControlFlow<String, String> {
        *seen += 1;
        line.push('!');
        if peer.is_closed() { ControlFlow::Break(line) } else { ControlFlow::Continue(line) }
    }

    #[request]
    async fn echo(&self, line: String) -> String {
        line
    }

    #[after]
    async fn count(&self, _peer: &Peer<String>, seen: &mut u64, response: &String) -> Result<(), std::fmt::Error> {
        *seen += response.len() as u64;
        Ok(())
    }
}

struct Gate;

enum Failed {
    Parse,
    Limit,
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Parse => "parse",
            Self::Limit => "limit",
        })
    }
}

impl From<std::num::ParseIntError> for Failed {
    fn from(_: std::num::ParseIntError) -> Self {
        Self::Parse
    }
}

/// Only `before` names the response. Its error converts into that of the handler.
#[service]
impl Gate {
    #[before]
    async fn allow(&self, line: String) -> Result<ControlFlow<String, String>, std::num::ParseIntError> {
        line.parse::<u32>()?;
        Ok(ControlFlow::Continue(line))
    }

    #[state(start)]
    async fn shut(&self, line: String) -> Result<GateState, Failed> {
        if line.len() > 80 { Err(Failed::Limit) } else { Ok(GateState::Open(line.parse()?)) }
    }

    #[state]
    async fn open(&self, _times: u32, _line: String) -> GateState {
        GateState::Shut
    }

    #[after]
    async fn heard(&self, _response: &String) {}
}

fn main() {
    let _ = Server::new(Echo).codec(Lines::new());
    let _ = Server::new(Gate).codec(Lines::new());
}
