// errors: 1
// A job gets a worker of its own thread. The worker of this body can't leave its thread.
use portcullis::{Interrupted, prelude::*};

struct Tree;

#[service]
impl Tree {
    #[blocking]
    fn depth(&self, worker: &Worker, node: u64) -> Result<u64, Interrupted> {
        worker.check()?;
        match node {
            0 => Ok(0),
            _ => Ok(1 + self.depth(worker, node / 2)?),
        }
    }
}

fn main() {}
