//! Rules of `#[blocking]`.

use super::function;
use crate::{
    model::{Blocking, Method, Placement, Receiver, Shape},
    parse::{DurationArg, KeyValue},
};
use syn::{Expr, ExprLit, Lit, Type};

const WHAT: &str = "a blocking function";
const WHY: &str = "a job may outlive its caller";

pub(super) fn check(method: &Method, blocking: &Blocking, placement: &Placement) {
    function::qualifiers(method, WHAT);
    world(method);
    receiver(method, placement);
    arguments(method, blocking);
    result(method, blocking);
    pool(method, blocking);
    start_deadline(method, blocking);
}

/// Rejects a `start_deadline` that is not earlier than the `deadline`.
fn start_deadline(method: &Method, blocking: &Blocking) {
    let (
        Some(DurationArg::Literal(deadline)),
        Some(KeyValue { key, value: DurationArg::Literal(start_deadline) }),
    ) = (&blocking.deadline, &blocking.start_deadline)
    else {
        return;
    };
    if start_deadline >= deadline {
        let message = "`start_deadline` has no effect, because `deadline` is not longer: write a shorter `start_deadline`, or \
                       remove one of the two";
        method.sink.error(key, message);
    }
}

fn world(method: &Method) {
    if let Some(token) = &method.function.sig.asyncness {
        method.sink.error(
            token,
            "`#[blocking]` functions can't be `async`: remove `async` and call async methods with `.wait(worker)?`, or remove \
             `#[blocking]`",
        );
    }
}

fn receiver(method: &Method, placement: &Placement) {
    match (&method.function.receiver, placement) {
        (Receiver::None | Receiver::Arc(_), _) => {}
        (Receiver::Shared(written), Placement::Service { .. }) => {
            if let Some(lifetime) = method.function.receiver.lifetime() {
                method.sink.error(
                    lifetime,
                    "a blocking method can't name the lifetime of `self`, because its job may outlive the call: write `&self`",
                );
            } else if written.mutability.is_some() { method.sink.error(written, "the receiver of a blocking method can't be `mut`: write `&self`");
            }
        }
        (Receiver::Shared(written), Placement::Standalone) => method.sink.error(
            written,
            "outside `#[service]`, the job of a blocking method must own an `Arc` of the receiver: write `self: &Arc<Self>`",
        ),
        (Receiver::Exclusive(written), _) => method.sink.error(
            written,
            format!(
                "a blocking method must take `{}`, because other threads share it: put what it changes \
                 into an \
                 atomic or a `Mutex`",
                receiver_of(placement)
            ),
        ),
        (Receiver::Other(written), _) => method.sink.error(
            written,
            format!("a blocking method must take `{0}`, because other threads share it: write `{0}`", receiver_of(placement)),
        ),
    }
}

fn receiver_of(placement: &Placement) -> &'static str {
    match placement {
        Placement::Service { .. } => "&self",
        Placement::Standalone => "self: &Arc<Self>",
    }
}

fn arguments(method: &Method, blocking: &Blocking) {
    let mut all_owned = true;
    for (index, arg) in blocking.args.iter().enumerate() {
        // A `Worker` by value may be a type of the user. Generated code checks that by type.
        if arg.is_named("Worker") && !matches!(arg.shape, Shape::Owned) {
            let suggestion = match arg.shape {
                _ if blocking.worker.is_some() => "a job has only one worker: remove this parameter",
                Shape::Shared(_) => {
                    "the worker must be the first parameter: move `worker: &Worker` to the front"
                }
                _ if index == 0 => "the worker must be a shared reference: write `worker: &Worker`",
                _ => {
                    "the worker must be a shared reference and the first parameter: write `worker: &Worker` at the front"
                }
            };
            method.sink.error(&arg.written, suggestion);
            all_owned = false;
        } else {
            all_owned &= function::owned(method, &arg.written.ty, "this argument", WHY);
        }
    }
    // A lifetime that only a borrowed argument uses isn't a second mistake.
    if all_owned {
        function::no_lifetimes(method, WHAT);
    }
}

/// Rejects `pool = "self.cpu"`.
fn pool(method: &Method, blocking: &Blocking) {
    if let Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) = &blocking.pool {
        let value = text.value();
        let is_name = syn::parse_str::<syn::Ident>(&value).is_ok();
        let of_self = is_name && !matches!(method.function.receiver, Receiver::None);
        let suggestion = if of_self { format!("self.{value}") } else { value };
        let message = format!(
            "expected an expression of type `Pool`, found a string: write `pool = {suggestion}` without quotes"
        );
        method.sink.error(text, message);
    }
}

fn result(method: &Method, blocking: &Blocking) {
    match (&blocking.nested, &blocking.flat, method.function.output()) {
        (Some(_), Some(flat), _) => {
            method.sink.error(flat, "`nested` and `flat` can't be used together: remove one of the two");
        }
        (None, Some(flat), output) if output.is_none_or(crate::model::is_of_std) => {
            method.sink.error(flat, "`flat` requires a `Result` return type: remove it");
        }
        _ => {}
    }
    if let Some(never @ Type::Never(_)) = method.function.output() {
        let message = "a blocking function can't return `!`: use `Infallible` as the value type";
        return method.sink.error(never, message);
    }
    if let Some(ty) = method.function.output() {
        function::owned(method, ty, "the result", "it comes back from another thread");
    }
}
