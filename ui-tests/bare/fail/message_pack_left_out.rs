//! The compiler names the feature of the format.
use portcullis::MessagePack;

fn main() {}
