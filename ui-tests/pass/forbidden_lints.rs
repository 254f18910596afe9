//! Expansions contain no `allow` of a forbidden lint.
#![deny(warnings)]
#![forbid(
    dead_code,
    unused_mut,
    unused_variables,
    non_camel_case_types,
    non_snake_case,
    deprecated,
    missing_docs,
    unreachable_pub,
    private_interfaces,
    private_bounds,
    unreachable_code,
    unused_imports,
    unused_must_use,
    unsafe_code
)]
//! Docs.
use portcullis::prelude::*;
struct S {
    pool: Pool,
}
#[service]
impl S {
    #[state(start)]
    async fn first(&self, mut r: String) -> (String, SState) {
        r.push('a');
        self.helper(1).await;
        let _ = self.job(r.clone(), 3).await;
        (r, SState::Second(1))
    }
    #[state(idle = "3s")]
    async fn second(&self, n: u32, _r: String) -> Result<(String, SState), portcullis::Interrupted> {
        Ok((n.to_string(), SState::Closed))
    }
    #[event(second)]
    async fn ev(&self, n: u32, e: u8) -> SState {
        let _ = e;
        SState::Second(n)
    }
    #[on(timeout = second)]
    async fn late(&self, n: u32) -> SState {
        let _ = n;
        SState::Closed
    }
    #[on(disconnect)]
    async fn left(&self, _r: Reason) {}
    #[before]
    async fn b(&self, r: String) -> ControlFlow<String, String> {
        ControlFlow::Continue(r)
    }
    #[after]
    async fn a(&self, r: &String) {
        let _ = r;
    }
    async fn helper(&self, n: u32) -> u32 {
        n
    }
    #[blocking(pool = self.pool)]
    fn job(&self, worker: &Worker, mut a: String, n: u32) -> Result<u32, portcullis::Interrupted> {
        a.push('b');
        worker.check()?;
        let _ = self.helper(2).wait(worker)?;
        Ok(n)
    }
    #[blocking(pool = self.pool)]
    fn job2(&self, n: u32) -> u32 {
        n
    }
    fn plain(&self) {}
}
#[blocking]
fn free(a: u32) -> u32 {
    a
}
fn main() {
    let s = std::sync::Arc::new(S { pool: Pool::builder("a").build().unwrap() });
    s.plain();
    let _ = || {
        let _x = s.job2(3);
        let _s = Server::new(S { pool: Pool::builder("a").build().unwrap() });
        let _ = free(3);
    };
}
