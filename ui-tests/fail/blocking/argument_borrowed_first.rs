// errors: 1
// What is borrowed may be gone before the job runs; only the worker is lent to it, by whatever name.
use portcullis::prelude::*;

struct Config(usize);

#[blocking]
fn limit(config: &Config) -> usize {
    config.0
}

fn main() {}
