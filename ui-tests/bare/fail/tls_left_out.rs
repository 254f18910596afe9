//! The compiler says which feature it is.
use portcullis::Tls;

fn main() {}
