//! Generated code calls deprecated methods without a warning.
#![deny(warnings)]
use portcullis::prelude::*;
struct S;
#[service]
impl S {
    #[deprecated(note = "x")]
    #[request]
    async fn first(&self, r: String) -> String {
        r
    }
    #[deprecated]
    #[on(stop)]
    async fn stopped(&self) {}
    #[deprecated]
    #[allow(dead_code)]
    #[blocking]
    fn job(&self, n: u32) -> u32 {
        n
    }
    #[deprecated]
    #[allow(dead_code)]
    async fn helper(&self, n: u32) -> u32 {
        n
    }
}
struct M;
#[service]
impl M {
    #[deprecated]
    #[state(start)]
    async fn first(&self, r: String) -> (String, MState) {
        (r, MState::Second)
    }
    #[cfg_attr(all(), deprecated)]
    #[state]
    async fn second(&self, r: String) -> (String, MState) {
        (r, MState::First)
    }
}
fn main() {
    let _s = Server::new(S);
    let _m = Server::new(M);
}
