//! A user whose Cargo.toml says `default-features = false`. Its tests build crates of their own, so that the features of the
//! workspace's other members do not reach them.

#![forbid(unsafe_code)]
