//! The package of the example `quickstart`, which is `main.rs`.

#![forbid(unsafe_code)]
