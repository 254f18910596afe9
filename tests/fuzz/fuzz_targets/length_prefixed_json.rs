#![no_main]

use portcullis::codec::{Json, LengthPrefixed};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, LengthPrefixed::<Json>::new().max_frame(LIMIT));
