//! Syntax as written: the block, its functions, our attributes on them.
//!
//! Nothing is judged here but what can't be read at all. Bodies are opaque: what is in them is the
//! compiler's.

mod block;
mod cases;
mod duration;
mod ends;
mod function;
mod half;
mod marks;
mod options;
mod states;

pub(crate) use block::{Block, Item, Other, Target, cases_of_block, target};
pub(crate) use cases::{said, saying};
pub(crate) use ends::{ends_as_an_item, is_cut_short};
pub(crate) use function::Function;
pub(crate) use half::Half;
pub(crate) use marks::{
    BlockingOptions, Event, HalfClose, Limit, Mark, MarkKind, OnOptions, RequestOptions, ServiceOptions,
    SessionOptions,
};
pub(crate) use options::{Keyed, parse as options, without_invisible_group};
pub(crate) use states::{EventOptions, StateEnumOptions, StateOptions};

#[cfg(test)]
mod tests;
