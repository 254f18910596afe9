#![no_main]

use portcullis::codec::{LengthPrefixed, MessagePack};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, LengthPrefixed::<MessagePack>::new().max_frame(LIMIT));
