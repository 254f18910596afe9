//! A caller of `blocking_f` uses the job `f` as well, so `f` causes no `dead_code` warning.
#![deny(warnings)]
use portcullis::prelude::*;
use std::sync::Arc;
struct S;
impl S {
    #[blocking]
    fn job(self: &Arc<Self>, n: u32) -> u32 {
        n
    }
    #[blocking]
    fn other(self: &Arc<Self>, worker: &Worker) -> u32 {
        self.blocking_job(worker, 2) + blocking_free(worker, 2)
    }
}
#[blocking]
fn free<T: Send + 'static>(n: T) -> T {
    n
}
fn main() {
    let s = Arc::new(S);
    drop(s.other());
}
