#![no_main]

use portcullis::codec::Lines;
use portcullis_fuzz::{LIMIT, target};

target!(String, Lines::new().max_length(LIMIT));
