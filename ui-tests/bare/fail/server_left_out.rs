//! The compiler says which feature it is.
use portcullis::Server;

fn main() {}
