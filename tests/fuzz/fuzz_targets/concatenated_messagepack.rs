#![no_main]

use portcullis::codec::{Concatenated, MessagePack};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, Concatenated::<MessagePack>::new().max_frame(LIMIT));
