// errors: 1
// What a thread waits for is polled on the loop, by a task that goes from thread to thread.
use portcullis::{Interrupted, prelude::*};
use std::rc::Rc;

#[blocking]
fn work(worker: &Worker) -> Result<u64, Interrupted> {
    let future = async {
        let n = Rc::new(1);
        tokio::task::yield_now().await;
        *n
    };
    future.wait(worker)
}

fn main() {}
