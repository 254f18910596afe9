//! The worker where it can't be used: in a block that leaves its thread, and under a `?` without a
//! `Result` around it.

use super::call::{closures, is_async};
use crate::model::{Misuse, misuse::is_of_macro};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;

/// The worker in an `async` block that is waited for or spawned: it would leave its thread.
pub(in crate::model) fn sent(body: TokenStream, worker: &Ident) -> Vec<Misuse> {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let mut found = Vec::new();
    for (at, tree) in trees.iter().enumerate() {
        let TokenTree::Group(group) = tree else { continue };
        if is_of_macro(&trees, at) {
            continue;
        }
        let before = trees.get(..at).unwrap_or_default();
        let waited = is_async(&trees, at)
            && matches!(trees.get(at + 1..), Some([TokenTree::Punct(dot), TokenTree::Ident(wait), ..]) if dot.as_char() == '.' && wait == "wait");
        let spawned = matches!(
            before,
            [.., TokenTree::Ident(of), TokenTree::Punct(dot), TokenTree::Ident(spawn)]
                if of == worker && dot.as_char() == '.' && spawn == "spawn"
        ) && matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == "async");
        match (waited || spawned).then(|| used(&group.stream(), worker)).flatten() {
            Some(place) => found.push(Misuse::WorkerEscapes(place)),
            None => found.extend(sent(group.stream(), worker)),
        }
    }
    found
}

/// Where the worker is mentioned; none where the name may be something else's.
fn used(tokens: &TokenStream, worker: &Ident) -> Option<Ident> {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut found = None;
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Ident(name) if name == worker => {
                let bound = at.checked_sub(1).and_then(|before| trees.get(before));
                let is_bound = match bound {
                    Some(TokenTree::Ident(word)) => word == "let" || word == "mut" || word == "ref",
                    Some(TokenTree::Punct(mark)) => matches!(mark.as_char(), '|' | '.' | ':'),
                    _ => false,
                };
                let is_typed = matches!(trees.get(at + 1), Some(TokenTree::Punct(mark)) if matches!(mark.as_char(), '|' | ':' | '='));
                if is_bound || is_typed {
                    return None;
                }
                found = found.or_else(|| Some(name.clone()));
            }
            TokenTree::Group(group) if !is_of_macro(&trees, at) => {
                found = found.or_else(|| used(&group.stream(), worker));
            }
            _ => {}
        }
    }
    found
}

/// The `?` of `.wait(worker)?`, `worker.check()?` and `worker.sleep(..)?` in the function itself.
pub(in crate::model) fn propagated(body: TokenStream, worker: &Ident) -> Vec<Misuse> {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let closures = closures(&trees);
    let mut found = Vec::new();
    for (at, tree) in trees.iter().enumerate() {
        let TokenTree::Group(group) = tree else { continue };
        // What `?` leaves here may be something else's.
        let before = trees.get(..at).unwrap_or_default();
        let is_item = before.iter().any(|tree| matches!(tree, TokenTree::Ident(word) if ["fn", "impl", "trait", "mod"].iter().any(|item| word == item)));
        if is_of_macro(&trees, at)
            || is_async(&trees, at)
            || is_item
            || closures.iter().any(|closure| closure.contains(&at))
            || matches!(before, [.., TokenTree::Ident(word)] if word == "try")
        {
            continue;
        }
        let of_worker = match before {
            [.., TokenTree::Punct(dot), TokenTree::Ident(wait)] if dot.as_char() == '.' && wait == "wait" => {
                *worker == group.stream().to_string()
            }
            [.., TokenTree::Ident(of), TokenTree::Punct(dot), TokenTree::Ident(method)] => {
                of == worker && dot.as_char() == '.' && (method == "check" || method == "sleep")
            }
            _ => false,
        };
        match trees.get(at + 1) {
            Some(TokenTree::Punct(mark)) if of_worker && mark.as_char() == '?' => {
                found.push(Misuse::InterruptedPropagated(mark.to_token_stream()));
            }
            _ => found.extend(propagated(group.stream(), worker)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    #[test]
    fn workers_that_leave_their_thread() {
        let worker = format_ident!("worker");
        let count = |text: &str| sent(text.parse().expect(text), &worker).len();
        for text in [
            "async { worker.check()?; }.wait(worker)?",
            "worker.spawn(async move { worker.check() });",
            "f(async { self.other(worker, 1) }.wait(worker))",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "block_on(async { worker.check() })",
            "async { f().await }.wait(worker)",
            "async { pool.run(|worker| worker.check()).await }.wait(worker)",
            "async { let worker = 1; worker + 1 }.wait(worker)",
            "async { self.worker.name() }.wait(worker)",
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
