#![no_main]

use portcullis::codec::{Json, LengthPrefixed, Zlib};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, LengthPrefixed::<Zlib<Json, 4096>>::new().max_frame(LIMIT));
