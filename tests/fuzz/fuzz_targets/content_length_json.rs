#![no_main]

use portcullis::codec::{ContentLength, Json};
use portcullis_fuzz::{LIMIT, Message, target};

// A header has at most 4 KiB.
target!(Message, ContentLength::<Json>::new().max_frame(LIMIT), 4096);
