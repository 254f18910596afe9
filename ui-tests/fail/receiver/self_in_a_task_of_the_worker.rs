// errors: 1
// The task may outlive the job, which only borrows `self`.
use portcullis::prelude::*;

struct Words;

#[service]
impl Words {
    #[blocking]
    fn words_of(&self, worker: &Worker, text: String) -> usize {
        let count = text.len();
        worker.spawn(async { self.add(count).await; });
        count
    }

    async fn add(&self, count: usize) -> usize {
        count + 1
    }
}

fn main() {}
