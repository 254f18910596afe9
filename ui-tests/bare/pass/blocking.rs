//! `#[blocking]` and a service without handlers need no feature.
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use portcullis::prelude::*;

#[blocking]
fn sum(numbers: Vec<u64>) -> u64 {
    numbers.iter().sum()
}

struct Words;

#[service]
impl Words {
    #[blocking]
    fn count(&self, worker: &Worker, text: String) -> Result<usize, portcullis::Interrupted> {
        let one = self.one().wait(worker)?;
        Ok(text.split_whitespace().count() * one)
    }

    async fn one(&self) -> usize {
        1
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        thread::park();
    }
}

fn main() {
    assert_eq!(block_on(sum(vec![1, 2, 3])).unwrap(), 6);
    assert_eq!(block_on(Arc::new(Words).count("a b c".to_owned())).unwrap(), 3);
}
