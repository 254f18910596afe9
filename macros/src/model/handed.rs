//! `self.f(worker, ..)` where `f` is a job: found in a body's tokens, where they leave no doubt.

use super::misuse::is_of_macro;
use super::{Method, Misuse, Receiver, Role};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// A blocking method, and how many arguments its job takes.
pub(super) struct Job {
    name: Ident,
    args: usize,
}

impl Job {
    pub(super) fn of(method: &Method) -> Option<Self> {
        let Role::Blocking(blocking) = &method.role else { return None };
        let name = || method.function.sig.ident.clone();
        let owns = matches!(method.function.receiver, Receiver::Shared(_) | Receiver::Arc(_));
        owns.then(|| Job { name: name(), args: blocking.args.len() })
    }
}

/// The names in `self.name(worker, ..)` that have one argument too many, and so can't be meant.
pub(super) fn find(body: TokenStream, worker: &Ident, jobs: &[Job]) -> Vec<Misuse> {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let mut found = Vec::new();
    for (at, tree) in trees.iter().enumerate() {
        let TokenTree::Group(group) = tree else { continue };
        if is_of_macro(&trees, at) {
            continue;
        }
        let called = name_of_call(&trees, at)
            .and_then(|name| jobs.iter().find(|job| job.name == *name).map(|job| (name, job.args)));
        match called {
            Some((name, args)) if arguments(group.stream(), worker) == Some(args + 1) => {
                found.push(Misuse::WorkerPassed(name.clone()));
            }
            _ => found.extend(find(group.stream(), worker, jobs)),
        }
    }
    found
}

/// How many arguments there are, if the first of them is the worker and none has commas of its own.
fn arguments(tokens: TokenStream, worker: &Ident) -> Option<usize> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |tree: &TokenTree, marks: &str| matches!(tree, TokenTree::Punct(punct) if marks.contains(punct.as_char()));
    if trees.iter().any(|tree| is(tree, "|<")) {
        return None;
    }
    let mut arguments = trees.split(|tree| is(tree, ",")).filter(|argument| !argument.is_empty()).peekable();
    match arguments.peek() {
        Some([TokenTree::Ident(first)]) if first == worker => Some(arguments.count()),
        _ => None,
    }
}

/// `name` of `self.name`, in front of round brackets.
fn name_of_call(trees: &[TokenTree], at: usize) -> Option<&Ident> {
    match (trees.get(..at)?, trees.get(at)?) {
        (
            [.., TokenTree::Ident(own), TokenTree::Punct(dot), TokenTree::Ident(name)],
            TokenTree::Group(arguments),
        ) if own == "self" && dot.as_char() == '.' && arguments.delimiter() == Delimiter::Parenthesis => {
            Some(name)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    #[test]
    fn a_job_is_handed_no_worker() {
        let jobs = [Job { name: format_ident!("f"), args: 1 }];
        let count = |text: &str| find(text.parse().expect(text), &format_ident!("worker"), &jobs).len();
        for text in [
            "self.f(worker, 1)",
            "g(self.f(worker, n - 1,).wait(worker)?)",
            "if a { self.f(worker, (1, 2)) }",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "self.blocking_f(worker, 1)",
            "self.f(worker)",
            "self.f(1)",
            "self.other.f(worker, 1)",
            "this.f(worker, 1)",
            "self.f(worker, |a, b| a)",
            "log!(self.f(worker, 1))",
            "self.f(worker.n, 1)",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
