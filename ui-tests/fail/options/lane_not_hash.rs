// errors: 1
// Lanes are looked up by the hash of their keys.
use portcullis::prelude::*;

#[blocking(lane = weight)]
fn store(weight: f64) {
    let _ = weight;
}

fn main() {}
