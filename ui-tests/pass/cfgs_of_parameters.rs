//! `cfg` on parameters and generic parameters of functions, methods, handlers and the block.
#![deny(warnings)]
use portcullis::prelude::*;
use std::sync::Arc;
struct S<T>(T);
#[service]
impl<#[cfg(all())] T: Send + Sync + 'static, #[cfg(any())] U: Send + Sync + 'static> S<T> {
    #[request]
    async fn first(&self, #[cfg(any())] peer: &Peer<String>, r: String) -> String {
        r
    }
    async fn helper<#[cfg(all())] A: Send + 'static, #[cfg(any())] B>(&self, #[cfg(any())] b: B, a: A) -> A {
        a
    }
    #[blocking]
    fn job<#[cfg(all())] A: Send + 'static, #[cfg(any())] B>(
        &self,
        #[cfg(any())] b: B,
        #[cfg(all())] a: A,
    ) -> A {
        a
    }
}
#[blocking]
fn f<A: Send + 'static, #[cfg(any())] B>(#[cfg(any())] b: B, #[cfg(all())] a: A) -> A {
    a
}
#[blocking]
fn g<A: Default + Send + 'static, #[cfg(any())] const B: usize>() -> A {
    A::default()
}
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let s = Arc::new(S(1));
    let a = s.helper(1).await;
    let b = s.job(2u8).await.unwrap();
    let c = f(3).await.unwrap();
    let _ = g::<u8>().await;
    println!("{a} {b} {c}");
    let _ = Server::new(S(2));
}
