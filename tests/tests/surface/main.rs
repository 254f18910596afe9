//! What Rust takes, the attributes take: signatures, names and types as users write them.
//!
//! A service is told from its signatures, and types and names in it are the user's: each file holds
//! what was misread once.
#![forbid(unsafe_code)]
#![deny(warnings)]
// Signatures are odd on purpose.
#![allow(clippy::all)]

mod aliases;
mod arguments;
mod enums;
mod own_types;
mod receivers;
mod signatures;
mod state_data;
