#![no_main]

use portcullis::codec::FixedSize;
use portcullis_fuzz::target;

target!([u8; 7], FixedSize::<7>::new());
