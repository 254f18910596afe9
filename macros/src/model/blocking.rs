//! The model of `#[blocking]` functions.

use super::{
    BodyCallee, Function, Param, Placement, ReturnKind, Shape, is_of_std, peel,
    rpc::{self, is_interrupted},
};
use crate::{
    parse::{BlockingOptions, DurationArg, KeyValue},
    tokens::mentions,
};
use proc_macro2::Ident;
use quote::ToTokens;
use syn::{Expr, Path, Type, ext::IdentExt};

/// A function that runs on the threads of a pool.
pub(crate) struct Blocking {
    pub(crate) krate: Option<Path>,
    /// The name of the job: `Thumbnails::shrink`.
    pub(crate) label: String,
    pub(crate) callee: BodyCallee,
    /// The value of `pool`; the shared pool otherwise.
    pub(crate) pool: Option<Expr>,
    /// Whether the expression of the pool names an argument, which moves into the job.
    pub(crate) pool_may_borrow: bool,
    pub(crate) deadline: Option<DurationArg>,
    pub(crate) start_deadline: Option<KeyValue<DurationArg>>,
    /// The value of `lane`.
    pub(crate) lane: Option<Expr>,
    pub(crate) detached: bool,
    pub(crate) nested: Option<Ident>,
    pub(crate) flat: Option<Ident>,
    pub(crate) worker: Option<Param>,
    pub(crate) args: Vec<Param>,
    /// The `rows: &Sender<Row>` of an `#[rpc]` method. The job owns it, as the first of `args`, and
    /// the body borrows it.
    pub(crate) sender: Option<Param>,
    pub(crate) return_kind: ReturnKind,
    /// Whether the block has a method with the name of the second function.
    pub(crate) has_name_conflict: bool,
}

impl Blocking {
    /// Makes the job own the sender that the body borrows.
    pub(super) fn own_sender(&mut self) {
        let Some(first) = self.args.first_mut().filter(|arg| rpc::sender_item(arg).is_some()) else { return };
        let owned = first.owned();
        self.sender = Some(std::mem::replace(first, owned));
    }

    /// The arguments of the function with the body.
    pub(crate) fn body_args(&self) -> Vec<Param> {
        let others = self.args.iter().skip(usize::from(self.sender.is_some()));
        self.sender.iter().chain(others).cloned().collect()
    }

    /// Whether an expression of the attribute names the argument, or a part of it.
    pub(crate) fn names(&self, name: &Ident) -> bool {
        let exprs = [self.pool.as_ref(), self.lane.as_ref()].into_iter().flatten();
        exprs.chain(self.deadline_exprs()).any(|expr| mentions(expr.to_token_stream(), name))
    }

    /// The deadlines that are expressions.
    pub(crate) fn deadline_exprs(&self) -> impl Iterator<Item = &Expr> {
        let start_deadline = self.start_deadline.as_ref().map(|keyed| &keyed.value);
        [self.deadline.as_ref(), start_deadline].into_iter().flatten().filter_map(|deadline| match deadline {
            DurationArg::Expr(expr) => Some(&**expr),
            DurationArg::Literal(_) => None,
        })
    }

    /// Leaves the `Result` of an `#[rpc]` method as it is, unless `flat` is written: an
    /// `Interrupted` is an answer of its own to the caller, and need not be an error of the method.
    pub(super) fn keep_result(&mut self, function: &Function) {
        let is_own_error = match &self.return_kind {
            ReturnKind::Result { err, .. } => !is_interrupted(err),
            return_kind => return_kind.is_fallible(),
        };
        if is_own_error && self.flat.is_none() {
            self.return_kind = ReturnKind::plain(function.output());
        }
    }

    pub(super) fn new(
        options: BlockingOptions,
        function: &Function,
        placement: &Placement,
        krate: Option<&Path>,
    ) -> Self {
        let BlockingOptions { pool, deadline, start_deadline, lane, detached, nested, flat, krate: own } =
            options;
        let (worker, args) = worker(&function.params);
        let pool = pool.map(|keyed| keyed.value);
        let name = function.sig.ident.unraw().to_string();
        Blocking {
            krate: own.map(|keyed| keyed.value).or_else(|| krate.cloned()),
            label: match placement {
                Placement::Service { name: placement, .. } if !placement.is_empty() => {
                    format!("{placement}::{name}")
                }
                _ => name,
            },
            callee: BodyCallee::of(function, placement),
            pool_may_borrow: pool.as_ref().is_some_and(|pool| mentions_argument(pool, &args)),
            pool,
            deadline: deadline.map(|keyed| keyed.value),
            start_deadline,
            lane: lane.map(|keyed| keyed.value),
            detached: detached.is_some(),
            return_kind: match (&nested, &flat, function.output()) {
                (Some(_), _, output) => ReturnKind::plain(output),
                (None, Some(_), Some(output)) => ReturnKind::fallible(output),
                (None, _, output) => ReturnKind::of(output),
            },
            nested,
            flat,
            worker,
            args,
            sender: None,
            has_name_conflict: false,
        }
    }
}

/// Separates the worker from the arguments. It is the first parameter if that is a `&T`, because
/// nothing else can be borrowed by a job. If `T` can't be a worker, the parameter is an argument
/// that is borrowed by mistake.
fn worker(params: &[Param]) -> (Option<Param>, Vec<Param>) {
    // A `&Worker` in another position is the worker.
    let is_named = |param: &Param| matches!(param.shape, Shape::Shared(_)) && param.is_named("Worker");
    let misplaced = params.iter().skip(1).any(is_named);
    match params {
        [first, rest @ ..] if is_named(first) || !misplaced && may_be_worker(first) => {
            (Some(first.clone()), rest.to_vec())
        }
        _ => (None, params.to_vec()),
    }
}

/// `&Worker`, or `&Name`, which may be an alias.
fn may_be_worker(param: &Param) -> bool {
    const OTHERS: [&str; 6] = ["Path", "PathBuf", "OsStr", "OsString", "CStr", "CString"];
    let Shape::Shared(reference) = &param.shape else { return false };
    let Type::Path(path) = peel(&reference.elem) else { return false };
    let bare = path.path.segments.iter().all(|segment| segment.arguments.is_none());
    let other = || OTHERS.iter().any(|name| param.is_named(name));
    reference.lifetime.is_none() && path.qself.is_none() && bare && !is_of_std(&reference.elem) && !other()
}

fn mentions_argument(expr: &Expr, args: &[Param]) -> bool {
    let tokens = expr.to_token_stream();
    args.iter().flat_map(Param::bindings).any(|name| mentions(tokens.clone(), name))
}
