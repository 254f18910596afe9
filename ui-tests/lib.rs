//! See `tests/ui.rs` and the README.
#![forbid(unsafe_code)]
