#![no_main]

use portcullis::codec::Separated;
use portcullis_fuzz::{LIMIT, target};

target!(Vec<u8>, Separated::by(b"\r\n").max_length(LIMIT));
