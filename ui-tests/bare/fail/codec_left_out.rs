//! The compiler names the feature of the codec.
use portcullis::JsonLines;

fn main() {}
