//! `#[blocking]`.

use super::{Function, Host, Outcome, Param, Receiver, Shape};
use crate::parse::{self, BlockingOptions};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use std::time::Duration;
use syn::{Expr, Path, ext::IdentExt};

/// A function that runs on the threads of a pool.
pub(crate) struct Blocking {
    pub(crate) krate: Option<Path>,
    /// The name that the job goes by: `Thumbnails::shrink`.
    pub(crate) label: String,
    /// It is called as `Self::f`, and not as `f`.
    pub(crate) in_impl: bool,
    /// `on = ..`; the shared pool otherwise.
    pub(crate) pool: Option<Expr>,
    /// The pool's expression mentions an argument, which is about to move into the job.
    pub(crate) pool_may_borrow: bool,
    pub(crate) deadline: Option<Limit>,
    /// Jobs whose keys are equal run in order.
    pub(crate) lane: Option<Expr>,
    pub(crate) detached: bool,
    pub(crate) nested: Option<Ident>,
    pub(crate) flat: Option<Ident>,
    pub(crate) worker: Option<Param>,
    pub(crate) args: Vec<Param>,
    pub(crate) outcome: Outcome,
    /// The block has a method of the name of the second function.
    pub(crate) twin_taken: bool,
}

pub(crate) enum Limit {
    Literal(Duration),
    Expr(Box<Expr>),
}

impl Blocking {
    pub(super) fn new(
        options: BlockingOptions,
        function: &Function,
        host: &Host,
        krate: Option<&Path>,
    ) -> Self {
        let BlockingOptions { on, deadline, lane, detached, nested, flat, krate: own } = options;
        let (worker, args) = worker(&function.params);
        let pool = on.map(|keyed| keyed.value);
        let name = function.sig.ident.unraw().to_string();
        Blocking {
            krate: own.map(|keyed| keyed.value).or_else(|| krate.cloned()),
            label: match host {
                Host::Service { name: host, .. } if !host.is_empty() => format!("{host}::{name}"),
                _ => name,
            },
            in_impl: matches!(host, Host::Service { .. })
                || !matches!(function.receiver, Receiver::None)
                || mentions(function.sig.to_token_stream(), "Self")
                || mentions(function.body.stream(), "Self"),
            pool_may_borrow: pool.as_ref().is_some_and(|pool| mentions_argument(pool, &args)),
            pool,
            deadline: deadline.map(|keyed| match keyed.value {
                parse::Limit::Literal(duration) => Limit::Literal(duration),
                parse::Limit::Expr(expr) => Limit::Expr(expr),
            }),
            lane: lane.map(|keyed| keyed.value),
            detached: detached.is_some(),
            outcome: match (&nested, &flat, function.output()) {
                (Some(_), _, output) => Outcome::plain(output),
                (None, Some(_), Some(output)) => Outcome::fallible(output),
                (None, _, output) => Outcome::of(output),
            },
            nested,
            flat,
            worker,
            args,
            twin_taken: false,
        }
    }
}

/// The worker goes by name, where handlers go by reference kind: any other `&T` here is a borrowed argument,
/// and that is the mistake to report.
fn worker(params: &[Param]) -> (Option<Param>, Vec<Param>) {
    match params {
        [first, rest @ ..] if matches!(first.shape, Shape::Shared(_)) && first.is_named("Worker") => {
            (Some(first.clone()), rest.to_vec())
        }
        _ => (None, params.to_vec()),
    }
}

fn mentions_argument(expr: &Expr, args: &[Param]) -> bool {
    let tokens = expr.to_token_stream();
    args.iter().filter_map(Param::name).any(|name| mentions(tokens.clone(), &name.to_string()))
}

/// The name is among the tokens, at any depth but in a nested `impl` or `trait`, which has its own `Self`.
fn mentions(tokens: TokenStream, name: &str) -> bool {
    let mut foreign = false;
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) if ident == "impl" || ident == "trait" => {
            foreign = true;
            false
        }
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) if foreign && group.delimiter() == Delimiter::Brace => {
            foreign = false;
            false
        }
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}
