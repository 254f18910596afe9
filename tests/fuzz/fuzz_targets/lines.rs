#![no_main]

use portcullis::codec::Lines;
use portcullis_fuzz::{LIMIT, target};

// Behind a bare LF, a CR at the end of a line would be read as a part of the ending.
target!(String, Lines::new().crlf().max_length(LIMIT));
