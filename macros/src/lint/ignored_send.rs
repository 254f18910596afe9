//! Finds `let _ = rows.send(..)` in a loop of an `#[rpc]` method that sends items.
//!
//! `send` fails when the caller is no longer interested. A loop that ignores this holds its thread
//! until it has produced every item.

use crate::tokens::{is_ident, is_punct};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::quote;

/// Finds each call in a loop whose result is ignored: its `rows.send`.
pub(super) fn find(body: TokenStream, sender: &Ident) -> Vec<TokenStream> {
    let mut found = Vec::new();
    find_in(body, sender, false, &mut found);
    found
}

fn find_in(tokens: TokenStream, sender: &Ident, in_loop: bool, found: &mut Vec<TokenStream>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut begins_loop = false;
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Ident(word) => {
                begins_loop |= ["for", "while", "loop"].iter().any(|name| word == name);
                if in_loop && word == sender && is_ignored(&trees, at) {
                    let (dot, send) = (&trees[at + 1], &trees[at + 2]);
                    found.push(quote!(#word #dot #send));
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => begins_loop = false,
            // The body of a closure may run later.
            TokenTree::Group(group) => {
                let is_body = group.delimiter() == Delimiter::Brace;
                let is_loop = in_loop || begins_loop && is_body;
                begins_loop &= !is_body;
                find_in(group.stream(), sender, is_loop, found);
            }
            _ => {}
        }
    }
}

/// Whether the tokens are `let _ = rows.send(..);` or `rows.send(..).ok();`, with or without
/// `.await`.
fn is_ignored(trees: &[TokenTree], at: usize) -> bool {
    let tree = |index: usize| trees.get(index);
    let is_call = |dot: usize, names: &[&str]| {
        is_punct(tree(dot), '.')
            && names.iter().any(|name| is_ident(tree(dot + 1), name))
            && matches!(tree(dot + 2), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
    };
    if !is_call(at + 1, &["send", "send_async"]) {
        return false;
    }
    let is_awaited = is_punct(tree(at + 4), '.') && is_ident(tree(at + 5), "await");
    let end = at + if is_awaited { 6 } else { 4 };
    let is_bound_to_nothing = at >= 3
        && is_ident(tree(at - 3), "let")
        && is_ident(tree(at - 2), "_")
        && is_punct(tree(at - 1), '=')
        && is_punct(tree(end), ';');
    let begins = match at.checked_sub(1).and_then(tree) {
        None => true,
        before => {
            is_punct(before, ';')
                || matches!(before, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace)
        }
    };
    is_bound_to_nothing || begins && is_call(end, &["ok"]) && is_punct(tree(end + 3), ';')
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    #[test]
    fn an_ignored_send_is_found_in_loops_only() {
        let rows = format_ident!("rows");
        for (body, times) in [
            ("for n in 0.. { let _ = rows.send(worker, n); }", 1),
            ("loop { if a { let _ = rows.send_async(n).await; } }", 1),
            ("while let Some(n) = next() { rows.send(worker, n).ok(); }", 1),
            ("for n in 0.. { a(); rows.send_async(n).await.ok(); let _ = rows.send(worker, n); }", 2),
            ("let _ = rows.send(worker, 1);", 0),
            ("for n in 0..1 { f(n); } let _ = rows.send(worker, 1);", 0),
            ("for n in 0.. { if rows.send(worker, n).is_err() { break; } }", 0),
            ("for n in 0.. { rows.send(worker, n)?; }", 0),
            ("for n in 0.. { let sent = rows.send(worker, n); }", 0),
            ("for n in 0.. { let _ = other.send(worker, n); }", 0),
            ("for n in 0.. { let _ = rows.send(worker, n)?; }", 0),
            ("for n in 0.. { let done = rows.send(worker, n).ok(); }", 0),
        ] {
            assert_eq!(find(body.parse().expect(body), &rows).len(), times, "{body}");
        }
    }
}
