#![no_main]

use portcullis::codec::Delimited;
use portcullis_fuzz::{LIMIT, target};

target!(Vec<u8>, Delimited::new(b"\r\n").max_length(LIMIT));
