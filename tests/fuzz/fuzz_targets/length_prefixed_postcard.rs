#![no_main]

use portcullis::codec::{LengthPrefixed, Postcard};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, LengthPrefixed::<Postcard>::new().max_frame(LIMIT));
