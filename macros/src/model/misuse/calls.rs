//! Calls of the block's own methods that can't be meant: the method is known, so a wrong call is
//! found in the tokens.
//!
//! Each finding is an error for the compiler too, which would report it in other words: "no method
//! named `wait`", "cannot add `u32` to `impl Future`".

use super::{
    Misuse,
    callee::{Callee, CalleeKind},
};
use crate::{
    model::{RunsOn, is_of_std},
    tokens::{Called, Context, SelfCall, Walk, is_ident, is_punct, mentions, walk},
};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Type, ext::IdentExt};

/// Each of them in a body that runs there.
pub(super) fn find(body: TokenStream, runs_on: &RunsOn<'_>, callees: &[Callee]) -> Vec<Misuse> {
    let caller = Caller { runs_on, callees };
    let mut found = Vec::new();
    walk(body, &mut |site| {
        if site.is_foreign() {
            return Walk::Skip;
        }
        let in_call = site.self_call().and_then(|call| caller.misuse_in_call(&call, site.context));
        let is_passed = matches!(in_call, Some(Misuse::WorkerPassed(_)));
        found.extend(in_call);
        found.extend(site.called().and_then(|called| caller.call_of_future(&called)));
        if is_passed { Walk::Skip } else { Walk::Enter }
    });
    found
}

/// The call of this method in a place where its value is meant, if it returns a future.
pub(super) fn missing(name: &Ident, runs_on: &RunsOn<'_>, callees: &[Callee]) -> Option<Misuse> {
    let callee = callees.iter().find(|callee| callee.name == *name && callee.is_future())?;
    let (name, is_job) = (name.clone(), matches!(callee.kind, CalleeKind::Job { .. }));
    match runs_on {
        RunsOn::EventLoop => Some(Misuse::MissingAwait { name, is_job }),
        RunsOn::PoolThread { .. } => Some(Misuse::MissingWait { name, is_job }),
        RunsOn::Unknown => None,
    }
}

/// The method whose body is read.
struct Caller<'a> {
    runs_on: &'a RunsOn<'a>,
    callees: &'a [Callee],
}

impl Caller<'_> {
    fn misuse_in_call(&self, call: &SelfCall<'_>, context: Context) -> Option<Misuse> {
        let Some(callee) = self.callees.iter().find(|callee| callee.name == *call.name) else {
            return self.blocking_on_loop(call, context);
        };
        let name = call.name.clone();
        match (self.runs_on, &callee.kind, call.wait()) {
            (RunsOn::EventLoop, CalleeKind::TakesWorker { args }, _) => {
                (call.argument_count() == Some(*args)).then_some(Misuse::MissingWorker(name))
            }
            (_, CalleeKind::TakesWorker { .. }, _) => None,
            (RunsOn::PoolThread { worker: Some(worker) }, CalleeKind::Job { args }, _)
                if call.argument_count() == Some(args + 1) && call.passes_first(worker) =>
            {
                Some(Misuse::WorkerPassed(name))
            }
            (RunsOn::EventLoop, _, Some((at, arguments))) => {
                arguments.stream().is_empty().then_some(Misuse::WaitOnLoop(at))
            }
            (RunsOn::PoolThread { .. }, _, Some((at, arguments)))
                if arguments.stream().is_empty() && !context.async_code =>
            {
                Some(Misuse::WaitWithoutWorker(at))
            }
            (RunsOn::PoolThread { .. }, _, None) if context.async_code => None,
            (_, _, None) if call.is_operand() || has_type_of_value(call) || is_used_as_value(call) => {
                missing(&name, self.runs_on, self.callees)
            }
            _ => None,
        }
    }

    /// `self.blocking_f(..)` on the event loop, without a worker, or with one that the service
    /// keeps.
    fn blocking_on_loop(&self, call: &SelfCall<'_>, context: Context) -> Option<Misuse> {
        if !matches!(self.runs_on, RunsOn::EventLoop) || context.closure {
            return None;
        }
        let name = call.name.unraw().to_string();
        let own = name.strip_prefix("blocking_")?;
        let args = self.callees.iter().find_map(|callee| match callee.kind {
            CalleeKind::Job { args } if callee.name.unraw() == own => Some(args),
            _ => None,
        })?;
        let trees: Vec<TokenTree> = call.arguments.stream().into_iter().collect();
        let passes_field = match trees.as_slice() {
            [first, second, ..] => {
                is_ident(Some(first), "self") && is_punct(Some(second), '.')
                    || is_punct(Some(first), '&') && is_ident(Some(second), "self")
            }
            _ => false,
        };
        let count = call.argument_count();
        let lacks_worker = count == Some(args) && !mentions(call.arguments.stream(), "worker");
        let is_misuse = lacks_worker || passes_field && count == Some(args + 1);
        is_misuse
            .then(|| Misuse::BlockingOnLoop { at: call.name.to_token_stream(), name: format!("self.{own}") })
    }

    /// `worker.call(|| self.f(..))` where `f` is async: the call returns a future, which is not
    /// run.
    fn call_of_future(&self, called: &Called<'_>) -> Option<Misuse> {
        let RunsOn::PoolThread { worker: Some(worker) } = self.runs_on else { return None };
        if called.receiver() != Some(*worker) || called.name != "call" {
            return None;
        }
        let name = only_call(called.arguments.stream())?;
        let callee = self.callees.iter().find(|callee| callee.name == name)?;
        callee.is_future().then_some(Misuse::CallOfFuture(name))
    }
}

/// Whether the call is the value of `let n: T = self.f(..);` with a type of std, which can't be
/// that of a future.
fn has_type_of_value(call: &SelfCall<'_>) -> bool {
    let Some(start) = call.before.iter().rposition(|tree| is_ident(Some(tree), "let")) else { return false };
    let pattern = match call.before.get(start + 1..) {
        Some([first, tail @ ..]) if is_ident(Some(first), "mut") => tail,
        tail => tail.unwrap_or_default(),
    };
    let [TokenTree::Ident(_), colon, ty @ .., equals] = pattern else { return false };
    let is_statement =
        is_punct(Some(colon), ':') && is_punct(Some(equals), '=') && is_punct(call.after.first(), ';');
    is_statement && syn::parse2(ty.iter().cloned().collect()).is_ok_and(|ty: Type| is_of_std(&ty))
}

/// Methods of `Result` and `Option` that no future has, also with the traits of `futures`.
const OF_A_VALUE: [&str; 16] = [
    "as_deref",
    "err",
    "expect",
    "expect_err",
    "is_err",
    "is_none",
    "is_none_or",
    "is_ok",
    "is_ok_and",
    "is_some",
    "is_some_and",
    "ok",
    "unwrap",
    "unwrap_err",
    "unwrap_or",
    "unwrap_or_default",
];

/// Methods of `Result` and `Option` that a future has with the traits of `futures`. There, they
/// return a future.
const OF_BOTH: [&str; 6] = ["and_then", "inspect", "map", "map_err", "or_else", "unwrap_or_else"];

/// Whether `?` follows the call, or a method of a `Result`: `self.f(..).map_err(g)?`.
fn is_used_as_value(call: &SelfCall<'_>) -> bool {
    let mut after = call.after;
    loop {
        after = match after {
            [tried, ..] if is_punct(Some(tried), '?') => return true,
            [dot, TokenTree::Ident(method), TokenTree::Group(arguments), tail @ ..]
                if is_punct(Some(dot), '.') && arguments.delimiter() == Delimiter::Parenthesis =>
            {
                let is_one_of = |names: &[&str]| names.iter().any(|name| method == name);
                if is_one_of(&OF_A_VALUE) {
                    return true;
                }
                if !is_one_of(&OF_BOTH) {
                    return false;
                }
                tail
            }
            _ => return false,
        };
    }
}

/// `name` of `[move] || self.name(..)`, if that is all there is.
pub(super) fn only_call(tokens: TokenStream) -> Option<Ident> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let closure = match trees.as_slice() {
        [first, tail @ ..] if is_ident(Some(first), "move") => tail,
        tail => tail,
    };
    match closure {
        [open, close, own, dot, TokenTree::Ident(name), TokenTree::Group(arguments)]
            if is_punct(Some(open), '|')
                && is_punct(Some(close), '|')
                && is_ident(Some(own), "self")
                && is_punct(Some(dot), '.')
                && arguments.delimiter() == Delimiter::Parenthesis =>
        {
            Some(name.clone())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    fn callees() -> Vec<Callee> {
        let callee = |name: &str, kind: CalleeKind| Callee { name: format_ident!("{name}"), kind };
        vec![
            callee("helper", CalleeKind::Async),
            callee("job", CalleeKind::Job { args: 1 }),
            callee("plain", CalleeKind::TakesWorker { args: 1 }),
        ]
    }

    fn on_the_loop(text: &str) -> usize {
        find(text.parse().expect(text), &RunsOn::EventLoop, &callees()).len()
    }

    fn on_a_thread(text: &str) -> usize {
        let worker = format_ident!("worker");
        find(text.parse().expect(text), &RunsOn::PoolThread { worker: Some(&worker) }, &callees()).len()
    }

    #[test]
    fn what_the_loop_cannot_mean() {
        for text in [
            "self.blocking_job(1)",
            "self.blocking_job(&self.worker, 1)",
            "self.job(1).wait()?",
            "let f = |n| self.job(n).wait();",
            "self.helper().wait()",
            "self.plain(1).await?",
            "n += self.job(1);",
            "self.job(1) + 1",
            "if self.job(1) { a }",
            "if n == self.helper() { a }",
            "let n: u64 = self.job(1);",
            "let mut list: Vec<u8> = self.helper();",
            "self.helper()?;",
            "let n = self.job(1)?;",
            "let n = self.helper().map_err(f)?;",
            "self.helper().unwrap();",
        ] {
            assert_eq!(on_the_loop(text), 1, "{text}");
        }
        for text in [
            "n += self.job(1).await?;",
            "1 + self.job(1).await? + self.helper().await",
            "let f: Offload<u8> = self.job(1);",
            "let f: Job = self.job(1);",
            "let n: u64 = self.job(1).await?;",
            "let n: u64 = f(self.job(1));",
            "let n: u64; let f = self.job(1);",
            "if self.job(1).await? { a }",
            "pool.run(move |worker| self.blocking_job(worker, 1))",
            "pool.run(move |w| self.blocking_job(w, 1))",
            "self.blocking_other(1)",
            "self.job(1)",
            "self.plain(worker, 1)",
            "self.other(1) + 1",
            "let f = |n| self.job(n);",
            "self.helper().await?",
            "self.helper().map_err(f).await?",
            "self.helper().map_ok(f).unwrap_or_else(g).await",
            "self.helper().now_or_never().ok_or(e)?",
            "self.other()?",
            "match n { 1 => self.job(1), _ => self.job(2) }",
            "&self.job(1)",
            "(self.job(1), self.helper())",
            "select! { n = self.job(1) => n + self.job(2) }",
            "impl X for Y { fn f(&self) { self.job(1) + 1; } }",
            "child.wait()",
            "self.child.wait()",
        ] {
            assert_eq!(on_the_loop(text), 0, "{text}");
        }
    }

    #[test]
    fn what_a_thread_cannot_mean() {
        for text in [
            "self.job(1).wait()?",
            "n += self.job(1);",
            "let n: u64 = self.job(1);",
            "worker.call(|| self.helper())?",
            "worker.call(move || self.job(1))?",
            "let n = self.helper()?;",
            "let n = self.helper().map_err(|error| error.to_string())?;",
            "self.job(1).map(f).or_else(g)?",
            "if self.helper().is_ok() { a }",
            "let n = self.helper().unwrap_or_default();",
        ] {
            assert_eq!(on_a_thread(text), 1, "{text}");
        }
        for text in [
            "n += self.job(1).wait(worker)?;",
            "self.helper().wait(worker)?",
            "list.map(|n| self.helper(&n).wait(worker))",
            "self.helper().map_err(f).wait(worker)?",
            "let call = self.helper().map_err(f);",
            "block_on(self.helper().map(f))?",
            "async { self.helper(1).await }",
            "Box::pin(self.helper(1))",
            "worker.call(|| self.other())?",
            "worker.call(|| 1)?",
            "other.call(|| self.helper())?",
            "self.blocking_job(worker, 1) + 1",
        ] {
            assert_eq!(on_a_thread(text), 0, "{text}");
        }
    }

    #[test]
    fn a_job_is_handed_no_worker() {
        for text in [
            "self.job(worker, 1)",
            "g(self.job(worker, n - 1,).wait(worker)?)",
            "if a { self.job(worker, (1, 2)) }",
        ] {
            assert_eq!(on_a_thread(text), 1, "{text}");
        }
        for text in [
            "self.blocking_job(worker, 1)",
            "self.job(worker)",
            "self.job(1)",
            "self.other.job(worker, 1)",
            "this.job(worker, 1)",
            "self.job(worker, |a, b| a)",
            "log!(self.job(worker, 1))",
            "self.job(worker.n, 1)",
        ] {
            assert_eq!(on_a_thread(text), 0, "{text}");
        }
    }
}
