//! The connection's value through an alias and through its `DerefMut`.
#![deny(warnings)]
use portcullis::prelude::*;

struct Visit(u32);
type Guest = Box<Visit>;
type Line = String;
type Friend = Peer<String>;

struct Auction;

#[service]
impl Auction {
    #[on(connect)]
    async fn connected(&self) -> Box<Visit> {
        Box::new(Visit(0))
    }

    #[before]
    async fn seen(&self, guest: &mut Guest, line: Line) -> ControlFlow<String, Line> {
        guest.0 += 1;
        ControlFlow::Continue(line)
    }

    #[request]
    async fn bid(&self, peer: &Friend, visit: &mut Visit, bid: String) -> String {
        format!("{bid}{}{}", visit.0, peer.id())
    }

    #[on(disconnect)]
    async fn left(&self, guest: Guest, reason: Reason) {
        drop((guest, reason));
    }
}

fn main() {
    let _ = Server::new(Auction).codec(Lines::new());
}
