//! Expansions contain no `allow` of a lint in a forbidden group.
#![deny(warnings)]
#![forbid(unused)]
use portcullis::prelude::*;
struct S;
#[service]
impl S {
    #[request]
    async fn first(&self, r: String) -> String {
        let _ = self.job(3).await;
        self.helper(2).await;
        r
    }
    async fn helper(&self, n: u32) -> u32 {
        n
    }
    #[blocking]
    fn job(&self, n: u32) -> u32 {
        n
    }
}
fn main() {
    let _s = Server::new(S);
}
