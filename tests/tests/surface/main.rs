//! The attributes accept what Rust accepts: signatures, names and types as users write them. Each
//! file holds cases that were once rejected or misread.
#![forbid(unsafe_code)]
#![deny(warnings)]
// The signatures are unusual on purpose.
#![allow(clippy::all)]

mod aliases;
mod arguments;
mod enums;
mod own_types;
mod receivers;
mod signatures;
mod state_data;
