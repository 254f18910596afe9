// errors: 1
// A job may outlive its caller. Only the worker is borrowed, under any name.
use portcullis::prelude::*;

struct Config(usize);

#[blocking]
fn limit(config: &Config) -> usize {
    config.0
}

fn main() {}
