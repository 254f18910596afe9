#![no_main]

use portcullis::codec::{LengthPrefixed, Postcard, Sha256};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, LengthPrefixed::<Sha256<Postcard>>::new().max_frame(LIMIT));
