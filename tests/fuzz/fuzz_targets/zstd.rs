#![no_main]

use portcullis::codec::{Json, LengthPrefixed, Zstd};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, LengthPrefixed::<Zstd<Json, 4096>>::new().max_frame(LIMIT));
