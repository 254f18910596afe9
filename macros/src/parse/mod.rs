//! Syntax: the block, its functions, and our attributes on them.
//!
//! Only what can't be parsed is reported here. What is meant is for [`model`](crate::model), and
//! whether it is right for [`check`](crate::check). Bodies stay tokens.
//!
//! [`target`] parses the item under `#[service]`, [`blocking_fn`] the one under `#[blocking]`, and
//! [`rpc_trait`] the one under `#[rpc]`. They use `function`, or `incomplete` for a function that
//! is being typed, then `cfg`, which makes one function for each case of the `cfg`s in its
//! signature, then `attrs` and the options in them.

mod attr_options;
mod attrs;
mod block;
mod blocking_fn;
mod cfg;
mod completeness;
mod duration;
mod function;
mod incomplete;
mod options;
mod rpc_trait;
mod values;

pub(crate) use attr_options::{
    BlockingOptions, EventOptions, HookEvent, OnOptions, RequestOptions, RpcOptions, RpcTraitOptions,
    RpcTypesOptions, ServiceOptions, SessionOptions, StateEnumOptions, StateOptions,
};
pub(crate) use attrs::{Attr, AttrArgs};
pub(crate) use block::{Block, Item, NotAnImpl, Target, cases_of_block, target};
pub(crate) use blocking_fn::blocking_fn;
pub(crate) use cfg::{inner_meta, with_inner_meta};
pub(crate) use completeness::{is_terminated, is_truncated};
pub(crate) use function::{Function, IncompleteFn};
pub(crate) use options::{KeyValue, parse as options, strip_none_group};
pub(crate) use rpc_trait::{CallTrait, TraitFn, TraitItem, rpc_trait};
pub(crate) use values::{DurationArg, HalfClose};

#[cfg(test)]
mod tests;
