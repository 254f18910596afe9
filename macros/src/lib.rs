//! The attributes of `portcullis`: entry points only.
//!
//! An attribute goes through five stages, which `pipeline` calls in this order:
//!
//! 1. `parse`: the syntax, with the spans of options;
//! 2. `model`: the role of each method and of its parameters;
//! 3. `check`: every rule whose violation is an error;
//! 4. `lint`: warnings for code that is legal and probably a mistake;
//! 5. `expand`: the generated code.
//!
//! All stages work on `proc_macro2`, so that they are tested without a compiler. Errors go into a
//! tree of `report::ErrorSink`s. All of them are reported in one compilation, and each affects only
//! the expansion of the method that it is about. The docs of the attributes are in `docs/`; the
//! examples are doc tests of this crate.
#![forbid(unsafe_code)]

mod attributes;
mod check;
mod expand;
#[cfg(test)]
mod ide_tests;
mod lint;
mod model;
mod parse;
mod pipeline;
mod report;
#[cfg(test)]
mod snapshots;
mod tokens;

use attributes::AttrKind;
use proc_macro::TokenStream;

/// Whether the facade has the feature `server`. The tests of this crate expand everything.
const HAS_SERVERS: bool = cfg!(any(feature = "server", test));

/// Whether the facade has the feature `rpc`.
const HAS_RPC: bool = cfg!(any(feature = "rpc", test));

#[doc = include_str!("../docs/service.md")]
#[proc_macro_attribute]
pub fn service(options: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::service(options.into(), item.into()).into()
}

#[doc = include_str!("../docs/blocking.md")]
#[proc_macro_attribute]
pub fn blocking(options: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::blocking(options.into(), item.into()).into()
}

// `#[service]` reads and removes the attributes of its methods. One of these is called if it is not
// in such a block, which is an error, except for `#[rpc]` on a trait.

#[doc = include_str!("../docs/request.md")]
#[proc_macro_attribute]
pub fn request(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::Request, item.into()).into()
}

#[doc = include_str!("../docs/session.md")]
#[proc_macro_attribute]
pub fn session(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::Session, item.into()).into()
}

#[doc = include_str!("../docs/state.md")]
#[proc_macro_attribute]
pub fn state(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::State, item.into()).into()
}

#[doc = include_str!("../docs/event.md")]
#[proc_macro_attribute]
pub fn event(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::Event, item.into()).into()
}

#[doc = include_str!("../docs/before.md")]
#[proc_macro_attribute]
pub fn before(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::Before, item.into()).into()
}

#[doc = include_str!("../docs/after.md")]
#[proc_macro_attribute]
pub fn after(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::After, item.into()).into()
}

#[doc = include_str!("../docs/on.md")]
#[proc_macro_attribute]
pub fn on(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::On, item.into()).into()
}

#[doc = include_str!("../docs/rpc.md")]
#[proc_macro_attribute]
pub fn rpc(options: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::rpc(options.into(), item.into()).into()
}
