//! Calls on `self` that can't be meant: the block's own methods are known, so a wrong call of one
//! is found in the tokens.
//!
//! A finding is made only where the compiler would refuse the program too, in words that don't
//! mention the block.

mod assigned;
mod call;
mod known;
mod worker;

pub(super) use assigned::assigned;
pub(super) use call::only_call;
pub(super) use known::Known;
pub(crate) use known::owned_form;
pub(super) use worker::{propagated, sent};

use self::{
    call::{Call, closures, is_async},
    known::Kind,
};
use super::{
    Misuse,
    misuse::{is_of_macro, mentions},
};
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;

/// Where a body runs.
pub(super) enum RunsOn<'a> {
    EventLoop,
    PoolThread { worker: Option<&'a Ident> },
    Unknown,
}

/// Every call in `body` that can't be meant.
pub(super) fn find(body: TokenStream, runs_on: &RunsOn<'_>, known: &[Known]) -> Vec<Misuse> {
    let mut scan = Scan { runs_on, known, found: Vec::new() };
    scan.level(body, Context::default());
    scan.found
}

/// What the tokens stand in.
#[derive(Clone, Copy, Default)]
struct Context {
    closure: bool,
    future: bool,
}

struct Scan<'a> {
    runs_on: &'a RunsOn<'a>,
    known: &'a [Known],
    found: Vec<Misuse>,
}

impl Scan<'_> {
    fn level(&mut self, tokens: TokenStream, context: Context) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let closures = closures(&trees);
        // A nested `impl` or `trait` has a `self` of its own.
        let mut foreign = false;
        for (at, tree) in trees.iter().enumerate() {
            let in_closure = context.closure || closures.iter().any(|closure| closure.contains(&at));
            match tree {
                TokenTree::Ident(word) if word == "impl" || word == "trait" => foreign = true,
                TokenTree::Group(group) if foreign && group.delimiter() == Delimiter::Brace => {
                    foreign = false
                }
                TokenTree::Group(group) if !is_of_macro(&trees, at) => {
                    let context =
                        Context { closure: in_closure, future: context.future || is_async(&trees, at) };
                    if let Some(call) = Call::at(&trees, at) {
                        self.call(&call, context);
                    }
                    if let RunsOn::PoolThread { worker: Some(worker) } = self.runs_on {
                        self.closure_of_call(&trees, at, group, worker);
                    }
                    self.level(group.stream(), context);
                }
                _ => {}
            }
        }
    }

    fn call(&mut self, call: &Call<'_>, context: Context) {
        if let (RunsOn::EventLoop, false) = (self.runs_on, context.closure) {
            self.twin(call);
        }
        let Some(known) = self.known.iter().find(|known| known.name == *call.name) else { return };
        let name = call.name.clone();
        if let (Kind::TakesWorker { args }, RunsOn::EventLoop) = (&known.kind, self.runs_on) {
            if call.arguments() == Some(*args) {
                self.found.push(Misuse::MissingWorker(name));
            }
            return;
        }
        match (self.runs_on, call.waited()) {
            _ if !known.is_future() => {}
            (RunsOn::EventLoop, Some((at, arguments))) if arguments.stream().is_empty() => {
                self.found.push(Misuse::WaitOnLoop(at));
            }
            (RunsOn::PoolThread { .. }, Some((at, arguments)))
                if arguments.stream().is_empty() && !context.future =>
            {
                self.found.push(Misuse::WaitWithoutWorker(at));
            }
            (RunsOn::PoolThread { .. }, Some(_)) => match &known.kind {
                Kind::Handler => self.found.push(Misuse::WaitForHandler(name)),
                Kind::Borrowing { param } => {
                    self.found.push(Misuse::WaitForBorrow { name, owned: param.clone() });
                }
                _ => {}
            },
            (RunsOn::EventLoop, None) if call.is_operand() => {
                let is_job = matches!(known.kind, Kind::Job { .. });
                self.found.push(Misuse::MissingAwait { name, is_job });
            }
            (RunsOn::PoolThread { .. }, None) if call.is_operand() && !context.future => {
                let is_job = matches!(known.kind, Kind::Job { .. });
                self.found.push(Misuse::MissingWait { name, is_job });
            }
            _ => {}
        }
    }

    /// `self.blocking_f(..)` on the loop, without a worker or with one that the service keeps.
    fn twin(&mut self, call: &Call<'_>) {
        let name = call.name.unraw().to_string();
        let Some(own) = name.strip_prefix("blocking_") else { return };
        let job = self.known.iter().find_map(|known| match known.kind {
            Kind::Job { args } if known.name.unraw() == own => Some(args),
            _ => None,
        });
        let Some(args) = job else { return };
        let trees: Vec<TokenTree> = call.group.stream().into_iter().collect();
        let of_self = match trees.as_slice() {
            [TokenTree::Ident(first), TokenTree::Punct(dot), ..] => first == "self" && dot.as_char() == '.',
            [TokenTree::Punct(and), TokenTree::Ident(first), ..] => and.as_char() == '&' && first == "self",
            _ => false,
        };
        let lacks_it = call.arguments() == Some(args) && !mentions(call.group.stream(), "worker");
        if lacks_it || (of_self && call.arguments() == Some(args + 1)) {
            let at = call.name.to_token_stream();
            self.found.push(Misuse::BlockingOnLoop { at, name: format!("self.{own}") });
        }
    }

    /// `worker.call(|| self.f(..))`, where `f` is async: what comes back is its future.
    fn closure_of_call(&mut self, trees: &[TokenTree], at: usize, group: &Group, worker: &Ident) {
        let [.., TokenTree::Ident(of), TokenTree::Punct(dot), TokenTree::Ident(method)] =
            trees.get(..at).unwrap_or_default()
        else {
            return;
        };
        if of != worker || dot.as_char() != '.' || method != "call" {
            return;
        }
        if let Some(name) = only_call(group.stream()) {
            let known = self.known.iter().find(|known| known.name == name);
            if known.is_some_and(Known::is_future) {
                self.found.push(Misuse::CallOfFuture(name));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    fn known() -> Vec<Known> {
        let known = |name: &str, kind: Kind| Known { name: format_ident!("{name}"), kind };
        vec![
            known("handler", Kind::Handler),
            known("helper", Kind::Helper),
            known("lends", Kind::Borrowing { param: None }),
            known("job", Kind::Job { args: 1 }),
            known("plain", Kind::TakesWorker { args: 1 }),
        ]
    }

    fn on_the_loop(text: &str) -> usize {
        find(text.parse().expect(text), &RunsOn::EventLoop, &known()).len()
    }

    fn on_a_thread(text: &str) -> usize {
        let worker = format_ident!("worker");
        find(text.parse().expect(text), &RunsOn::PoolThread { worker: Some(&worker) }, &known()).len()
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
        ] {
            assert_eq!(on_the_loop(text), 1, "{text}");
        }
        for text in [
            "n += self.job(1).await?;",
            "1 + self.job(1).await? + self.helper().await",
            "let f: Offload<u8> = self.job(1);",
            "if self.job(1).await? { a }",
            "pool.run(move |worker| self.blocking_job(worker, 1))",
            "pool.run(move |w| self.blocking_job(w, 1))",
            "self.blocking_other(1)",
            "self.job(1)",
            "self.plain(worker, 1)",
            "self.other(1) + 1",
            "let f = |n| self.job(n);",
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
            "self.handler(1).wait(worker)?",
            "list.map(|n| self.lends(&n).wait(worker))",
            "n += self.job(1);",
            "worker.call(|| self.helper())?",
            "worker.call(move || self.job(1))?",
        ] {
            assert_eq!(on_a_thread(text), 1, "{text}");
        }
        for text in [
            "n += self.job(1).wait(worker)?;",
            "self.helper().wait(worker)?",
            "async { self.handler(1).await }",
            "Box::pin(self.handler(1))",
            "worker.call(|| self.other())?",
            "worker.call(|| 1)?",
            "other.call(|| self.helper())?",
            "self.blocking_job(worker, 1) + 1",
        ] {
            assert_eq!(on_a_thread(text), 0, "{text}");
        }
    }
}
