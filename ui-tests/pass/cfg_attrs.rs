//! `cfg_attr` on methods and parameters, with attributes of portcullis, of other crates, and `cfg`.
#![deny(warnings)]
use portcullis::prelude::*;
struct S;
#[service]
impl S {
    #[cfg_attr(all(), request)]
    async fn first(&self, #[cfg_attr(all(), allow(unused_variables))] r: String) -> String {
        "first".into()
    }
    #[cfg_attr(any(), request)]
    #[allow(dead_code)]
    async fn second(&self, r: String) -> String {
        r
    }
    #[cfg_attr(all(), cfg(any()))]
    #[on(stop)]
    async fn left(&self) {
        missing()
    }
    #[cfg_attr(all(), cfg(any()))]
    async fn gone2(&self) {
        missing()
    }
    #[cfg_attr(all(), cfg_attr(all(), cfg(any())))]
    fn gone3(&self) {
        missing()
    }
    #[cfg_attr(all(), blocking(deadline = "2s"), allow(dead_code))]
    fn job(&self, n: u32) -> u32 {
        n
    }
    #[cfg_attr(any(), blocking)]
    #[allow(dead_code)]
    fn job2(&self, n: &u32) -> u32 {
        *n
    }
    #[cfg_attr(all(), allow(dead_code), doc = "x")]
    async fn helper(&self) {}
}
struct M;
#[service]
impl M {
    #[cfg_attr(all(), state(start))]
    async fn first(&self, r: String) -> (String, MState) {
        (r, MState::Third)
    }
    #[cfg_attr(all(), cfg(any()))]
    #[state]
    async fn second(&self, r: String) -> (String, MState) {
        missing()
    }
    #[cfg_attr(all(), allow(unused_variables), doc = "third")]
    #[state]
    async fn third(&self, r: String) -> (String, MState) {
        ("a".into(), MState::First)
    }
    #[cfg_attr(all(), event(first, third))]
    async fn e(&self, _e: u8) -> MState {
        MState::First
    }
    #[cfg_attr(all(), cfg(any()))]
    #[on(disconnect)]
    async fn left(&self) {
        missing()
    }
}
fn main() {
    let _s = Server::new(S);
    let _m = Server::new(M);
    
}
