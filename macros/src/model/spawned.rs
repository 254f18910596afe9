//! `self` in a task or a thread that is started where it is written: it is lent, and they outlive
//! the method.

use super::calls::only_call;
use super::misuse::{Misuse, is_of_macro};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// What starts one, by whole paths.
const SPAWNERS: [&str; 5] = [
    "tokio::spawn",
    "tokio::task::spawn",
    "tokio::task::spawn_blocking",
    "std::thread::spawn",
    "thread::spawn",
];

/// `self` in the `async` block or the closure that `tokio::spawn` and its like are given.
pub(super) fn find(body: TokenStream, worker: Option<&Ident>) -> Vec<Misuse> {
    let mut found = Vec::new();
    scan(body, worker, &mut found);
    found
}

fn scan(tokens: TokenStream, worker: Option<&Ident>, found: &mut Vec<Misuse>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    for at in own(&trees) {
        let (Some(before), Some(TokenTree::Group(group))) = (trees.get(..at), trees.get(at)) else {
            continue;
        };
        let spawns = || {
            let by_path = SPAWNERS.contains(&&*path(before));
            let by_worker = worker.is_some_and(|worker| by_worker(before, worker));
            // What comes back from `worker.call(|| self.f(..))` is judged by what `f` is.
            let is_call = by_worker && only_call(group.stream()).is_some();
            group.delimiter() == Delimiter::Parenthesis && (by_path || (by_worker && !is_call))
        };
        match is_written_here(group.stream()).then(spawns) {
            Some(true) => found.extend(first_self(group.stream()).map(|own| Misuse::SelfEscapes(own.into()))),
            _ => scan(group.stream(), worker, found),
        }
    }
}

/// `worker.spawn` and its like: what they are given runs on the loop, and may run after the job.
fn by_worker(before: &[TokenTree], worker: &Ident) -> bool {
    match before {
        [.., TokenTree::Ident(of), TokenTree::Punct(dot), TokenTree::Ident(method)] => {
            let starts = ["spawn", "call", "call_soon"].iter().any(|name| method == name);
            of == worker && dot.as_char() == '.' && starts
        }
        _ => false,
    }
}

/// The path that ends here, as it is written.
fn path(trees: &[TokenTree]) -> String {
    let is_of_path = |tree: &&TokenTree| match tree {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    };
    let mut parts: Vec<&TokenTree> = Vec::new();
    for tree in trees.iter().rev().take_while(is_of_path) {
        // `return tokio::spawn`
        if matches!((tree, parts.last()), (TokenTree::Ident(_), Some(TokenTree::Ident(_)))) {
            break;
        }
        parts.push(tree);
    }
    let path: String = parts.into_iter().rev().map(ToString::to_string).collect();
    path.trim_start_matches("::").to_owned()
}

/// An `async` block or a closure, and not a value that may own what it needs.
fn is_written_here(arguments: TokenStream) -> bool {
    match arguments.into_iter().next() {
        Some(TokenTree::Ident(first)) => first == "async" || first == "move",
        Some(TokenTree::Punct(first)) => first.as_char() == '|',
        _ => false,
    }
}

/// The value `self`: not `self::path`.
fn first_self(tokens: TokenStream) -> Option<TokenTree> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is_path =
        |at: usize| matches!(trees.get(at + 1), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    let value = |(at, tree): (usize, &TokenTree)| match tree {
        TokenTree::Ident(ident) if ident == "self" && !is_path(at) => Some(tree.clone()),
        _ => None,
    };
    let inner = || {
        own(&trees).find_map(|at| match trees.get(at) {
            Some(TokenTree::Group(group)) => first_self(group.stream()),
            _ => None,
        })
    };
    // Items have a `self` of their own, and use it in paths.
    match trees.iter().any(is_item) {
        true => None,
        false => trees.iter().enumerate().find_map(value).or_else(inner),
    }
}

fn is_item(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Ident(word) if ["impl", "trait", "fn", "mod", "use", "pub", "macro_rules"].iter().any(|item| word == item))
}

/// The groups that are the method's own code: what stands in a macro's brackets may be anything.
fn own(trees: &[TokenTree]) -> impl Iterator<Item = usize> {
    let own =
        move |at: &usize| matches!(trees.get(*at), Some(TokenTree::Group(_))) && !is_of_macro(trees, *at);
    (0..trees.len()).filter(own)
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
