//! Lint levels of a block and its methods apply to all generated code.
#![deny(warnings)]
use portcullis::prelude::*;
#[deprecated]
pub struct Old;
#[deprecated]
pub struct OldSeat;
#[deprecated]
pub struct OldEvent;
#[deprecated]
pub struct OldConn;
struct S;
#[service]
impl S {
    #[allow(deprecated)]
    #[request]
    async fn first(&self, _c: &mut OldConn, r: Old) -> Old {
        r
    }
    #[expect(deprecated)]
    #[on(connect)]
    async fn c(&self) -> OldConn {
        OldConn
    }
    #[expect(deprecated)]
    #[blocking]
    #[allow(dead_code)]
    fn job(&self, n: Old) -> Old {
        n
    }
    #[expect(deprecated)]
    #[allow(dead_code)]
    async fn helper(&self, n: Old) -> Old {
        n
    }
}
struct M;
#[service]
impl M {
    #[state(start)]
    async fn first(&self, r: String) -> (String, MState) {
        #[allow(deprecated)]
        let s = OldSeat;
        (r, MState::Second(s))
    }
    #[cfg_attr(all(), allow(deprecated))]
    #[state]
    async fn second(&self, s: OldSeat, r: String) -> (String, MState) {
        (r, MState::Second(s))
    }
    #[allow(deprecated)]
    #[event(first)]
    async fn e(&self, _e: OldEvent) -> MState {
        MState::First
    }
}
#[expect(deprecated)]
#[service]
impl Old {
    #[request]
    async fn f(&self, r: OldSeat) -> OldSeat {
        r
    }
}
fn main() {
    let _s = Server::new(S);
    let _m = Server::new(M);
}
