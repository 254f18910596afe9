#![no_main]

use portcullis::codec::{Concatenated, MessagePack, Zlib};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, Concatenated::<Zlib<MessagePack, 4096>>::new().max_frame(LIMIT));
