#![no_main]

use portcullis::codec::{Base64, MessagePack, NewlineDelimited};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, NewlineDelimited::<Base64<MessagePack>>::new().max_frame(LIMIT));
