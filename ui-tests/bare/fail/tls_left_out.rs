//! The compiler names the feature `tls`.
use portcullis::Tls;

fn main() {}
