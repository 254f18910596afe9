// errors: 1
// The error comes back from another thread.
use portcullis::{Interrupted, prelude::*};

struct Broken {
    why: Box<dyn std::error::Error>,
}

impl From<Interrupted> for Broken {
    fn from(interrupted: Interrupted) -> Self {
        Broken { why: Box::new(interrupted) }
    }
}

#[blocking]
fn work() -> Result<u64, Broken> {
    Ok(1)
}

fn main() {}
