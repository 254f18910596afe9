#![no_main]

use portcullis::codec::{Crc32, LengthPrefixed, Postcard};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, LengthPrefixed::<Crc32<Postcard>>::new().max_frame(LIMIT));
