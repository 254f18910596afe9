// errors: 1
// Durations have four units.
use portcullis::prelude::*;

#[blocking(deadline = "2sec")]
fn work() {}

fn main() {}
