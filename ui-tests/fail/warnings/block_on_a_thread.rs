// errors: 1
// The thread can't run jobs while it waits, and the future may need the task that awaits this job.
#![deny(deprecated)]
use portcullis::prelude::*;
use tokio::runtime::Handle;

struct Words;

#[service]
impl Words {
    #[blocking]
    fn words_of(&self, text: String) -> usize {
        Handle::current().block_on(self.add(text.len()))
    }

    async fn add(&self, count: usize) -> usize {
        count + 1
    }
}

fn main() {}
