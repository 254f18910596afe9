//! Syntax as written: the block, its functions, our attributes on them.
//!
//! Nothing is judged here but what can't be read at all. Bodies are opaque: what is in them is the
//! compiler's.

mod attrs;
mod block;
mod cfg;
mod completeness;
mod duration;
mod function;
mod incomplete;
mod options;
mod states;

pub(crate) use attrs::{
    Attr, AttrArgs, BlockingOptions, DurationArg, HalfClose, HookEvent, OnOptions, RequestOptions,
    ServiceOptions, SessionOptions,
};
pub(crate) use block::{Block, Item, NotAnImpl, Target, cases_of_block, target};
pub(crate) use cfg::{inner_meta, with_inner_meta};
pub(crate) use completeness::{is_terminated, is_truncated};
pub(crate) use function::Function;
pub(crate) use incomplete::IncompleteFn;
pub(crate) use options::{KeyValue, parse as options, strip_none_group};
pub(crate) use states::{EventOptions, StateEnumOptions, StateOptions};

#[cfg(test)]
mod tests;
