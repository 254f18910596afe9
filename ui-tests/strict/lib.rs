//! Expansions as if somebody had written them: compiled as plain source, under clippy's pedantic lints and the oldest Rust's names.
//!
//! Clippy looks the other way where a macro wrote the code. So `written.rs` is here once more as `expanded.rs`, which is what the
//! attributes make of it (`PORTCULLIS_BLESS=1 cargo test -p portcullis-macros` writes it, the same test compares it). The manifest beside this
//! file is of edition 2024, that in `edition_2021` of the edition before.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, rust_2018_idioms)]
#![deny(clippy::all, clippy::pedantic, clippy::incompatible_msrv)]

// Attributes of shape (what a handler takes, whether it awaits) are the macro's to answer for; brackets around a field's type tell rustc
// whose the field is.
#[rustfmt::skip]
#[allow(unused_parens)]
// `use self::*` finds the second function of a free one; clippy passes over it where a macro wrote it.
#[allow(clippy::wildcard_imports)]
pub mod expanded;
pub mod written;
