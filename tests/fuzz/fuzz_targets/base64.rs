#![no_main]

use portcullis::codec::{Base64, MessagePack, NewlineSeparated};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, NewlineSeparated::<Base64<MessagePack>>::new().max_frame(LIMIT));
