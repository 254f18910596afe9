#![no_main]

use portcullis::codec::{HmacSha256, LengthPrefixed, Postcard};
use portcullis_fuzz::{LIMIT, Message, Secret, target};

target!(Message, LengthPrefixed::<HmacSha256<Postcard, Secret>>::new().max_frame(LIMIT));
