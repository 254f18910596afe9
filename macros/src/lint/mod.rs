//! Warnings for code that compiles but is probably a mistake.
//!
//! Macros can't define lints on stable Rust. Each warning is a use of a deprecated item of
//! `portcullis::lints` at the user's tokens, and the note of that item is the text. The user
//! silences it with `#[allow(deprecated)]` on the method, the block or the crate.
//!
//! The lints see tokens and no types, so they warn only where the tokens leave no doubt. They skip
//! closures and nested functions, which may run on another thread. They report a short path
//! (`fs::read(..)`) only if its value is used in a way that a future doesn't allow.

mod arc_missing;
mod block_on_thread;
mod blocking_calls;
mod dropped_job;
mod guard_across_await;
mod ignored_send;
mod pool_cycle;
mod unreachable_state;
mod unused_value;

pub(crate) use guard_across_await::{awaits, noted};

use crate::{
    model::{Method, Role, RunsOn, Service},
    report::{Lint, Warning},
    tokens::{Walk, walk},
};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;

/// Reports the warnings of a block to the sinks of its methods.
pub(crate) fn service(service: &Service) {
    let (jobs, futures) = (dropped_job::jobs(service), block_on_thread::futures(service));
    let (helpers, need_the_arc) = (unused_value::helpers(service), arc_missing::methods(service));
    for method in service.methods() {
        self::method(method);
        for at in unused_value::find(body(method), &helpers) {
            method.sink.warn(Warning { lint: Lint::UnusedValue, at });
        }
        let sender = method.rpc.as_ref().and_then(|rpc| rpc.sender.as_ref()?.ident());
        for at in sender.map(|name| ignored_send::find(body(method), name)).into_iter().flatten() {
            method.sink.warn(Warning { lint: Lint::IgnoredSend, at });
        }
        let arc_missing = arc_missing::find(method, &need_the_arc);
        if !arc_missing.is_empty() {
            arc_missing.into_iter().for_each(|warning| method.sink.warn(warning));
            continue;
        }
        let blocks = matches!(method.role, Role::Blocking(_));
        let waits = blocks.then(|| block_on_thread::find(body(method), &futures)).into_iter().flatten();
        for warning in dropped_job::find(body(method), &jobs).into_iter().chain(waits) {
            method.sink.warn(warning);
        }
        if matches!(method.runs_on(), RunsOn::EventLoop) {
            let guards = guard_across_await::find(body(method));
            for warning in blocking_calls::find(body(method)).into_iter().chain(guards) {
                method.sink.warn(warning);
            }
        }
    }
    pool_cycle::check(service);
    unreachable_state::check(service);
}

fn body(method: &Method) -> TokenStream {
    method.function.body.stream()
}

/// Reports the warnings of one method, or of a function outside a block.
pub(crate) fn method(method: &Method) {
    if let Role::Blocking(blocking) = &method.role {
        let name = blocking.worker.as_ref().and_then(|worker| worker.name());
        let unused = name.filter(|name| !is_used(method.function.body.stream(), name));
        if let Some(name) = unused {
            method.sink.warn(Warning { lint: Lint::UnusedWorker, at: name.to_token_stream() });
        }
    }
}

/// Whether the body uses the worker, also in a format string: `"{worker:?}"`.
fn is_used(body: TokenStream, worker: &Ident) -> bool {
    let mut found = false;
    walk(body, &mut |site| {
        found |= match site.tree() {
            Some(TokenTree::Ident(ident)) => ident == worker,
            Some(TokenTree::Literal(literal)) => literal.to_string().contains(&format!("{{{worker}")),
            _ => false,
        };
        Walk::Enter
    });
    found
}
