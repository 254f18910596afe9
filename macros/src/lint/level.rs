//! Tokens that stand beside each other, without what runs at another time.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// Shows `visit` the tokens between each pair of brackets, outermost first, less closures and
/// nested functions: those may run on another thread, or never.
pub(super) fn each(body: TokenStream, visit: &mut impl FnMut(&[TokenTree])) {
    let level = running(body);
    visit(&level);
    for tree in level {
        if let TokenTree::Group(group) = tree {
            each(group.stream(), visit);
        }
    }
}

/// The tokens of one level that run in their turn.
fn running(tokens: TokenStream) -> Vec<TokenTree> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        if let Some(end) = elsewhere(&trees, at) {
            at = end;
        } else {
            kept.push(tree.clone());
            at += 1;
        }
    }
    kept
}

/// A closure or a nested function at `at`: where it ends.
pub(super) fn elsewhere(trees: &[TokenTree], at: usize) -> Option<usize> {
    closure(trees, at).or_else(|| function(trees, at))
}

/// `|a, b| body` at `at`: where it ends.
fn closure(trees: &[TokenTree], at: usize) -> Option<usize> {
    let begins = match at.checked_sub(1).and_then(|before| trees.get(before)) {
        None => true,
        Some(TokenTree::Punct(punct)) => !matches!(punct.as_char(), '|' | '?' | '\''),
        Some(TokenTree::Ident(word)) => {
            ["move", "return", "break", "async", "else", "in"].iter().any(|keyword| word == keyword)
        }
        Some(_) => false,
    };
    if !begins || !is_mark(trees.get(at), '|') {
        return None;
    }
    let is_end = |tree: &TokenTree| is_mark(Some(tree), ',') || is_mark(Some(tree), ';');
    let body = at + 2 + trees.get(at + 1..)?.iter().position(|tree| is_mark(Some(tree), '|'))?;
    // Behind a result type there are braces, and commas in front of them are the type's.
    if is_mark(trees.get(body), '-') && is_mark(trees.get(body + 1), '>') {
        let is_braces = |tree: &TokenTree| matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        return Some(body + 1 + trees.get(body..)?.iter().position(is_braces)?);
    }
    let length = trees.get(body..)?.iter().position(is_end);
    Some(length.map_or(trees.len(), |length| body + length))
}

/// `fn name(..) { .. }` at `at`: where it ends.
fn function(trees: &[TokenTree], at: usize) -> Option<usize> {
    match trees.get(at..)? {
        [TokenTree::Ident(word), TokenTree::Ident(_), rest @ ..] if word == "fn" => {
            let is_body = |tree: &TokenTree| matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
            Some(at + 3 + rest.iter().position(is_body)?)
        }
        _ => None,
    }
}

pub(super) fn is_mark(tree: Option<&TokenTree>, mark: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// The name is among the tokens, at any depth: in a macro's string too, as in `"{worker:?}"`.
pub(super) fn mentions(tokens: &TokenStream, name: &Ident) -> bool {
    tokens.clone().into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(&group.stream(), name),
        TokenTree::Literal(literal) => literal.to_string().contains(&format!("{{{name}")),
        TokenTree::Punct(_) => false,
    })
}

/// What follows a call: the methods that are called on its value in turn, `.await` and `?` as words
/// among them. `at` is that of the call's brackets.
pub(super) fn chain(trees: &[TokenTree], at: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = trees.get(at + 1..).unwrap_or_default();
    loop {
        match rest {
            [TokenTree::Punct(mark), behind @ ..] if mark.as_char() == '?' => {
                names.push("?".to_owned());
                rest = behind;
            }
            [TokenTree::Punct(dot), TokenTree::Ident(name), behind @ ..] if dot.as_char() == '.' => {
                names.push(name.to_string());
                rest = match behind {
                    [TokenTree::Group(group), behind @ ..] if group.delimiter() == Delimiter::Parenthesis => {
                        behind
                    }
                    behind => behind,
                };
            }
            _ => return names,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(body: &str) -> String {
        running(body.parse().expect(body)).into_iter().collect::<TokenStream>().to_string()
    }

    #[test]
    fn what_runs_elsewhere_is_left_out() {
        for (body, rest) in [
            ("a; spawn(b); c", "a ; spawn (b) ; c"),
            ("let f = |x| g(x); f(1)", "let f = ; f (1)"),
            ("let f = |x| -> R<u8, E> { g(x) }; f(1)", "let f = ; f (1)"),
            ("move || g(), 2", "move , 2"),
            ("a || b", "a || b"),
            ("x | y", "x | y"),
            ("match a { A | B => c }", "match a { A | B => c }"),
            ("fn inner(n: u8) -> u8 { n } inner(1)", "inner (1)"),
            ("let f: fn(u8) = g;", "let f : fn (u8) = g ;"),
        ] {
            assert_eq!(kept(body), rest, "{body}");
        }
    }
}
