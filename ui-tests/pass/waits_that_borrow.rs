//! `.wait(worker)` polls on the thread, so what it polls may borrow, need not be `Send`, and may use
//! the worker.
use portcullis::{Interrupted, prelude::*};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

struct Words;

#[service]
impl Words {
    #[request]
    async fn count(&self, text: String) -> usize {
        text.len()
    }

    async fn longer(&self, text: &str) -> String {
        format!("{text}!")
    }

    fn other(&self, worker: &Worker, length: usize) -> usize {
        usize::from(worker.is_cancelled()) + length
    }

    #[blocking]
    fn words_of(&self, worker: &Worker, text: String) -> Result<usize, Interrupted> {
        let by_a_handler = self.count(text.clone()).wait(worker)?;
        let borrowed = self.longer(&text).wait(worker)?;
        let counted = Rc::new(Cell::new(0));
        let with_the_worker = async {
            worker.check()?;
            tokio::task::yield_now().await;
            counted.set(self.other(worker, text.len()));
            Ok::<_, Interrupted>(Rc::clone(&counted))
        }
        .wait(worker)??;
        let inside = async { async { text.len() }.wait(worker) }.wait(worker)??;
        Ok(by_a_handler + borrowed.len() + with_the_worker.get() + inside)
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let words = Arc::new(Words);
    assert_eq!(runtime.block_on(words.words_of("ab".to_owned())).unwrap(), 9);
}
