//! Token trees: what every stage may ask of code that is never parsed.
//!
//! The body of a method stays a token stream. It may not be valid Rust yet, and the compiler is the
//! only judge of it. Checks, lints and the description still have to find calls and keywords in it:
//!
//! - [`walk`](fn@walk) visits each token of a body and says what the token stands in;
//! - [`shape`] recognizes small forms: a punctuation mark, a call on `self`, an `async` block;
//! - [`text`] prints tokens as they are written.

mod shape;
mod text;
mod walk;

pub(crate) use shape::{
    Called, SelfCall, find_ident, is_ident, is_one_of, is_punct, mentions, method_chain, split_commas,
};
pub(crate) use text::to_text;
pub(crate) use walk::{Context, Site, Walk, each_block, own_regions, walk};
