//! Expansions as plain source code, under clippy's pedantic lints and its check of the minimum
//! supported Rust version.
//!
//! Clippy skips code that a macro generates. `expanded.rs` is the expansion of `written.rs`;
//! `PORTCULLIS_BLESS=1 cargo test -p portcullis-macros` writes it, and the same test checks it.
//! The manifest beside this file uses edition 2024, the one in `edition_2021` edition 2021.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, rust_2018_idioms)]
#![deny(clippy::all, clippy::pedantic, clippy::incompatible_msrv)]

// The parentheses around a field's type keep the span of the user's type.
#[rustfmt::skip]
#[allow(unused_parens)]
// `use self::*` finds the second function of a free function.
#[allow(clippy::wildcard_imports)]
pub mod expanded;
pub mod written;
