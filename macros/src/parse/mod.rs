//! Syntax as written: the block, its functions, our attributes on them.
//!
//! Nothing is judged here but what can't be read at all. Bodies are opaque: what is in them is the
//! compiler's.

mod block;
mod duration;
mod function;
mod marks;
mod options;

pub(crate) use block::{Block, Item, Other, Target, target};
pub(crate) use function::Function;
pub(crate) use marks::{
    BlockingOptions, Deadline, Event, HalfClose, Mark, MarkKind, OnOptions, RequestOptions, ServiceOptions,
    SessionOptions,
};
pub(crate) use options::{Keyed, parse as options, without_invisible_group};

#[cfg(test)]
mod tests;
