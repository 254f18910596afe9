//! The compiler says which feature it is.
use portcullis::MessagePack;

fn main() {}
