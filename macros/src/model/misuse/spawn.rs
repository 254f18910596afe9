//! `self` in a task or thread that is started in the body. `self` is borrowed, and the task may
//! outlive the call.

use super::{Misuse, calls::only_call};
use crate::tokens::{Called, Walk, is_ident, is_one_of, is_punct, walk};
use proc_macro2::{Ident, TokenStream, TokenTree};

/// The functions that start one, by whole paths.
const SPAWNERS: [&str; 5] = [
    "tokio::spawn",
    "tokio::task::spawn",
    "tokio::task::spawn_blocking",
    "std::thread::spawn",
    "thread::spawn",
];

/// `self` in each `async` block or closure that `tokio::spawn` and similar functions are given.
pub(super) fn find(body: TokenStream, worker: Option<&Ident>) -> Vec<Misuse> {
    let mut found = Vec::new();
    walk(body, &mut |site| {
        if site.is_foreign() {
            return Walk::Skip;
        }
        match site.called() {
            Some(called) if is_block_or_closure(&called) && spawns(&called, worker) => {
                found.extend(first_self(called.arguments.stream()).map(Misuse::SelfEscapes));
                Walk::Skip
            }
            _ => Walk::Enter,
        }
    });
    found
}

fn spawns(called: &Called<'_>, worker: Option<&Ident>) -> bool {
    let of_worker = worker.is_some()
        && called.receiver() == worker
        && ["spawn", "call", "call_soon"].iter().any(|name| called.name == name);
    // For `worker.call(|| self.f(..))`, `calls` looks at what `f` is.
    let is_single_call = of_worker && only_call(called.arguments.stream()).is_some();
    of_worker && !is_single_call || SPAWNERS.contains(&&*path(called))
}

/// The path of the function, as it is written, without a leading `::`.
fn path(called: &Called<'_>) -> String {
    let is_of_path = |tree: &&TokenTree| matches!(tree, TokenTree::Ident(_)) || is_punct(Some(tree), ':');
    let mut path = called.name.to_string();
    let mut last_is_name = true;
    for tree in called.before.iter().rev().take_while(is_of_path) {
        let is_name = matches!(tree, TokenTree::Ident(_));
        // `return tokio::spawn`
        if is_name && last_is_name {
            break;
        }
        path.insert_str(0, &tree.to_string());
        last_is_name = is_name;
    }
    path.trim_start_matches("::").to_owned()
}

/// Whether the argument is an `async` block or a closure. Any other value may own what it needs.
fn is_block_or_closure(called: &Called<'_>) -> bool {
    let first = called.arguments.stream().into_iter().next();
    is_one_of(first.as_ref(), &["async", "move"]) || is_punct(first.as_ref(), '|')
}

/// The first `self` that is a value, and not the beginning of a path; `None` if there are items
/// among the tokens, which may have a `self` of their own.
fn first_self(tokens: TokenStream) -> Option<TokenStream> {
    const ITEMS: [&str; 7] = ["impl", "trait", "fn", "mod", "use", "pub", "macro_rules"];
    let mut found = None;
    walk(tokens, &mut |site| {
        let has_items = || site.trees.iter().any(|tree| is_one_of(Some(tree), &ITEMS));
        if site.is_foreign() || found.is_some() || has_items() {
            return Walk::Skip;
        }
        if is_ident(site.tree(), "self") && !is_punct(site.after().first(), ':') {
            found = site.tree().cloned().map(TokenStream::from);
        }
        Walk::Enter
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_and_threads() {
        let worker = quote::format_ident!("worker");
        let count = |text: &str| find(text.parse().expect(text), Some(&worker)).len();
        for text in [
            "tokio::spawn(async move { self.poll().await });",
            "let task = ::tokio::spawn(async move { self.poll().await });",
            "if x { return tokio::task::spawn_blocking(move || self.n) }",
            "std::thread::spawn(|| f(&[self]))",
            "if !(tokio::spawn(async { self.n })) {}",
            "worker.spawn(async { self.add(1).await; });",
            "worker.call_soon(move || self.n.set(1))?;",
            "worker.call(|| f(self.n))?",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "tokio::spawn(self.poll())",
            "tokio::spawn(async move { this.poll().await })",
            "tokio::spawn(async move { self::poll().await })",
            "tokio::spawn(async move { use self::poll; poll().await })",
            "tokio::spawn(async move { fn f() {} log!(self.n) })",
            "tokio::spawn(async move { log!(self.n) })",
            "emit! { tokio::spawn(async { self.n }) }",
            "scope.spawn(|| self.n)",
            "worker.spawn(self.add(1))",
            "worker.spawn(async move { this.add(1).await })",
            "worker.call(|| self.add(1))",
            "other.call(|| self.n)",
            "own::spawn(async { self.poll().await })",
            "own::tokio::spawn(async { self.poll().await })",
            "tokio::spawn(async { impl X for Y { fn f(&self) { self.g() } } })",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
