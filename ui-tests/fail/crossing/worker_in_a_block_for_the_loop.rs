// errors: 1
// The block runs on the event loop, and a worker can't leave its thread.
use portcullis::{Interrupted, prelude::*};

struct Words;

#[service]
impl Words {
    #[blocking]
    fn words_of(&self, worker: &Worker, text: String) -> Result<usize, Interrupted> {
        worker.run_on_loop(async move {
            worker.check()?;
            Ok::<_, Interrupted>(text.len())
        })?
    }
}

fn main() {}
