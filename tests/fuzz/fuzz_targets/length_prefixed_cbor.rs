#![no_main]

use portcullis::codec::{Cbor, LengthPrefixed};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, LengthPrefixed::<Cbor>::new().max_frame(LIMIT));
