//! A crate that depends on portcullis with `default-features = false`. Its tests build separate
//! crates, which don't get the features of other workspace members.

#![forbid(unsafe_code)]
