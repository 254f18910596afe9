//! The attributes of `portcullis`: entry points only.
//!
//! Every stage works on `proc_macro2`, so that it is tested without a compiler around it:
//!
//! 1. [`parse`]: the syntax as written, options with the spans of their keys;
//! 2. [`model`]: what was meant: roles of methods and of their parameters;
//! 3. [`check`]: every rule of the language, and nothing else;
//! 4. [`expand`]: a file for each thing that is generated.
//!
//! Mistakes go into a tree of [`report::Sink`]s, are all reported at once, and take down only what they are
//! about.
#![forbid(unsafe_code)]

mod check;
mod expand;
mod model;
mod names;
mod parse;
mod report;
#[cfg(test)]
mod snapshots;

use names::Word;
use proc_macro::TokenStream;

/// Turns an inherent `impl` block into a threaded service.
///
/// Options: `request = Type` and `response = Type` say what no handler says, `crate = path` names a
/// re-exported `portcullis`. The methods' own attributes are `#[request]`, `#[session]`, `#[on(..)]` and
/// `#[blocking(..)]`; an `async fn` without one that owns its arguments becomes a helper that can be
/// awaited, spawned, or waited for from a thread.
#[proc_macro_attribute]
pub fn service(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::service(options.into(), item.into()).into()
}

/// Makes a function run on the threads of a pool: `f(..)` gives an `Offload` to await, `blocking_f(worker,
/// ..)` runs the body on the calling thread.
///
/// Options: `on = EXPR` (a pool; `Pool::shared()` otherwise), `deadline = "2s"` or a `Duration` expression,
/// `lane = KEY` (jobs of equal keys run in order), `detached`, `nested` or `flat`, `crate = path`. Outside `#[service]` a method's receiver is written
/// `self: &Arc<Self>`.
#[proc_macro_attribute]
pub fn blocking(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::blocking(options.into(), item.into()).into()
}

/// One request in, one response out: a handler of a `#[service]` block, which reads this attribute.
///
/// Options: `wire` sends a `Result` itself, `half_close = cancel | answer`.
#[proc_macro_attribute]
pub fn request(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::outside(Word::Request, item.into()).into()
}

/// A whole connection in one method: a handler of a `#[service]` block, which reads this attribute.
///
/// Option: `half_close = cancel | answer`.
#[proc_macro_attribute]
pub fn session(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::outside(Word::Session, item.into()).into()
}

/// A hook in the life of a service or of a connection, read by `#[service]`.
///
/// Events: `start`, `connect`, `error`, `disconnect`, `stop`.
#[proc_macro_attribute]
pub fn on(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::outside(Word::On, item.into()).into()
}

/// Reserved: one state of a typed session machine.
#[proc_macro_attribute]
pub fn state(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::outside(Word::State, item.into()).into()
}

/// Reserved: what other tasks and threads post to a session.
#[proc_macro_attribute]
pub fn event(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::outside(Word::Event, item.into()).into()
}

/// Reserved: what runs ahead of every handler.
#[proc_macro_attribute]
pub fn before(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::outside(Word::Before, item.into()).into()
}

/// Reserved: what runs behind every handler.
#[proc_macro_attribute]
pub fn after(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::outside(Word::After, item.into()).into()
}
