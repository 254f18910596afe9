//! The worker where it can't be used: in a future that leaves its thread, and before a `?` without
//! a `Result` around it.

use super::Misuse;
use crate::tokens::{Called, Site, Walk, is_ident, is_one_of, is_punct, walk};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;

/// The worker in each `async` block that `spawn` or `run_on_loop` sends to the event loop.
pub(super) fn escapes(body: TokenStream, worker: &Ident) -> Vec<Misuse> {
    let mut found = Vec::new();
    walk(body, &mut |site| {
        if site.context.macro_args {
            return Walk::Skip;
        }
        let escaped = site.group().filter(|_| leaves_thread(site, worker));
        match escaped.and_then(|group| first_use(group.stream(), worker)) {
            Some(used) => {
                found.push(Misuse::WorkerEscapes(used));
                Walk::Skip
            }
            None => Walk::Enter,
        }
    });
    found
}

/// `worker.spawn(async ..)`, `worker.run_on_loop(async ..)`
fn leaves_thread(site: &Site<'_>, worker: &Ident) -> bool {
    let is_sent = |called: Called<'_>| {
        let first = called.arguments.stream().into_iter().next();
        let is_sent = called.name == "spawn" || called.name == "run_on_loop";
        called.receiver() == Some(worker) && is_sent && is_ident(first.as_ref(), "async")
    };
    site.called().is_some_and(is_sent)
}

/// The first use of the worker; `None` if its name may be something else's.
fn first_use(tokens: TokenStream, worker: &Ident) -> Option<Ident> {
    let mut found = None;
    let mut is_rebound = false;
    walk(tokens, &mut |site| {
        match site.tree() {
            Some(TokenTree::Ident(name)) if name == worker && !site.context.macro_args => {
                let before = site.before().last();
                let is_bound = is_one_of(before, &["let", "mut", "ref"])
                    || ['|', '.', ':'].iter().any(|mark| is_punct(before, *mark));
                let is_typed = ['|', ':', '='].iter().any(|mark| is_punct(site.after().first(), *mark));
                is_rebound |= is_bound || is_typed;
                found.get_or_insert_with(|| name.clone());
            }
            _ => {}
        }
        Walk::Enter
    });
    found.filter(|_| !is_rebound)
}

/// The `?` of each `.wait(worker)?`, `worker.check()?` and `worker.sleep(..)?` of the function
/// itself.
pub(super) fn propagated(body: TokenStream, worker: &Ident) -> Vec<Misuse> {
    let mut found = Vec::new();
    walk(body, &mut |site| {
        let context = site.context;
        // Another function, or a `try` block, may have a `Result` for the `?`.
        let elsewhere = context.closure || context.async_code || context.nested_fn || site.is_foreign();
        if elsewhere || is_ident(site.before().last(), "try") {
            return Walk::Skip;
        }
        match (site.called(), site.after().first()) {
            (Some(called), Some(mark)) if is_fallible(&called, worker) && is_punct(Some(mark), '?') => {
                found.push(Misuse::InterruptedPropagated(mark.to_token_stream()));
                Walk::Skip
            }
            _ => Walk::Enter,
        }
    });
    found
}

/// Whether the call fails with `Interrupted`.
fn is_fallible(called: &Called<'_>, worker: &Ident) -> bool {
    match called.receiver() {
        Some(receiver) if receiver == worker => called.name == "check" || called.name == "sleep",
        _ => {
            is_punct(called.before.last(), '.')
                && called.name == "wait"
                && *worker == called.arguments.stream().to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    #[test]
    fn workers_that_leave_their_thread() {
        let worker = format_ident!("worker");
        let count = |text: &str| escapes(text.parse().expect(text), &worker).len();
        for text in [
            "worker.run_on_loop(async { worker.check()?; })?",
            "worker.spawn(async move { worker.check() });",
            "f(worker.run_on_loop(async { self.other(worker, 1) }))",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "block_on(async { worker.check() })",
            "async { worker.check()?; }.wait(worker)?",
            "async { f().await }.wait(worker)",
            "worker.spawn(async { pool.run(|worker| worker.check()).await })",
            "worker.spawn(async { let worker = 1; worker + 1 })",
            "worker.spawn(async { self.worker.name() })",
            "worker.spawn(self.f())",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }

    #[test]
    fn questions_that_have_no_answer() {
        let worker = format_ident!("worker");
        let count = |text: &str| propagated(text.parse().expect(text), &worker).len();
        for text in ["f().wait(worker)?;", "for a in b { worker.check()?; }", "g(worker.sleep(d)?)"] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "f().wait(worker).unwrap()",
            "let f = || { worker.check()?; Ok(1) };",
            "let f = |n: u8| -> Result<u8, Interrupted> { Ok(f().wait(worker)?) };",
            "list.map(|n| f(n).wait(worker)?)",
            "async { g(worker.check()?) }",
            "fn f(worker: &Worker) -> R { worker.check()?; } f(worker)",
            "child.wait(other)?",
            "try { worker.check()?; }",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
