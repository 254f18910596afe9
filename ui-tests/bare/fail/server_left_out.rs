//! The compiler names the feature `server`.
use portcullis::Server;

fn main() {}
