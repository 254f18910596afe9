#![no_main]

use portcullis::codec::JsonLines;
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, JsonLines::new().max_frame(LIMIT));
