#![no_main]

use portcullis::codec::{Cbor, Concatenated};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, Concatenated::<Cbor>::new().max_frame(LIMIT));
