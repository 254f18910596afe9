#![no_main]

use portcullis::codec::{Concatenated, Json};
use portcullis_fuzz::{LIMIT, Message, target};

target!(Message, Concatenated::<Json>::new().max_frame(LIMIT));
