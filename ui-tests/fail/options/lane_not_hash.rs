// errors: 1
// Lanes are told apart by their keys.
use portcullis::prelude::*;

#[blocking(lane = weight)]
fn store(weight: f64) {
    let _ = weight;
}

fn main() {}
