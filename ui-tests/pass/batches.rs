//! Handlers that take several requests, with constants, aliases and patterns.
#![deny(warnings)]
use portcullis::prelude::*;

const LARGEST: usize = 4;

struct Plain;

#[service]
impl Plain {
    #[request(batch = LARGEST * 2)]
    async fn sum(&self, mut numbers: Vec<u64>) -> Vec<u64> {
        numbers.push(0);
        numbers
    }
}

type Line = String;

/// The names of types differ from those of the service.
struct Aliased;

#[service(request = String, response = Vec<u8>)]
impl Aliased {
    #[on(connect)]
    async fn connected(&self) -> u32 {
        0
    }

    #[request(batch = 64, half_close = cancel)]
    async fn bytes(&self, peer: &Peer<Vec<u8>>, count: &mut u32, lines: Vec<Line>) -> Result<Vec<Vec<u8>>, std::fmt::Error> {
        let _ = peer;
        *count += u32::try_from(lines.len()).map_err(|_| std::fmt::Error)?;
        Ok(lines.into_iter().map(String::into_bytes).collect())
    }
}

/// One response to all, a generic service.
struct Acknowledged<const MAX: usize>;

#[service]
impl<const MAX: usize> Acknowledged<MAX> {
    #[request(batch = MAX)]
    async fn last(&self, numbers: Vec<u32>) -> Option<Result<u32, String>> {
        numbers.last().map(|last| Ok(*last))
    }
}

fn main() {
    fn is_service<S: portcullis::Service<Request = Req, Response = Rsp>, Req, Rsp>(_: S, max: usize) {
        assert_eq!(S::MAX_BATCH, max);
    }
    is_service::<_, u64, u64>(Plain, 8);
    is_service::<_, String, Vec<u8>>(Aliased, 64);
    is_service::<_, u32, Result<u32, String>>(Acknowledged::<3>, 3);
}
