//! `#[expect(..)]` on methods and blocks is fulfilled as without the attributes.
#![deny(warnings)]
use portcullis::prelude::*;
use std::sync::Arc;
struct S;
#[service]
impl S {
    #[request]
    async fn first(&self, r: String) -> String {
        r
    }
    #[expect(dead_code)]
    #[blocking]
    fn job(&self, n: u32) -> u32 {
        n
    }
    #[expect(dead_code, reason = "later")]
    async fn helper(&self, n: u32) -> u32 {
        n
    }
    #[expect(unused)]
    async fn helper2(&self, n: u32) -> u32 {
        n
    }
    #[expect(dead_code, unused_variables)]
    async fn helper3(&self, n: u32) -> u32 {
        1
    }
    #[expect(dead_code, unused_variables)]
    #[blocking]
    fn job3(&self, n: u32) -> u32 {
        1
    }
    #[cfg_attr(all(), expect(dead_code))]
    #[blocking]
    fn job4(&self, n: u32) -> u32 {
        n
    }
    #[allow(dead_code)]
    #[blocking]
    fn job5(&self, n: u32) -> u32 {
        n
    }
}
struct L;
impl L {
    #[blocking]
    #[expect(dead_code)]
    fn job(self: &Arc<Self>) {}
}
#[expect(dead_code)]
#[blocking]
fn free() {}
#[blocking]
#[expect(dead_code)]
fn free2() {}
struct B;
#[expect(dead_code)]
#[service]
impl B {
    #[blocking]
    fn job(&self, n: u32) -> u32 {
        n
    }
}
struct C;
#[expect(dead_code)]
#[service]
impl C {
    async fn help(&self, n: u32) -> u32 {
        n
    }
}
fn main() {
    let _s = Server::new(S);
    let _ = L;
    let _ = (B, C);
}
