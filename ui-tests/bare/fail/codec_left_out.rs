//! The compiler says which feature it is.
use portcullis::JsonLines;

fn main() {}
