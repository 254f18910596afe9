// errors: 1
// The task that polls the future may move from thread to thread.
use portcullis::{Interrupted, prelude::*};
use std::rc::Rc;

#[blocking]
fn work(worker: &Worker) -> Result<u64, Interrupted> {
    let future = async {
        let n = Rc::new(1);
        tokio::task::yield_now().await;
        *n
    };
    worker.run_on_loop(future)
}

fn main() {}
