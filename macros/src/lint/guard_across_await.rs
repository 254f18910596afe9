//! Finds guards of `std::sync` locks that are held across an `.await`.

use crate::{
    report::{Lint, Warning},
    tokens::{Walk, each_block, is_ident, is_punct, own_regions, walk},
};
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// Finds each `let guard = ..lock().unwrap();` that is followed by an `.await` without a
/// `drop(guard)` before it.
pub(super) fn find(body: TokenStream) -> Vec<Warning> {
    let mut found = Vec::new();
    each_block(body, &mut |trees| {
        let statements: Vec<&[TokenTree]> = trees.split(|tree| is_punct(Some(tree), ';')).collect();
        for (at, statement) in statements.iter().enumerate() {
            let Some(guard) = guard(statement) else { continue };
            let after = statements.get(at + 1..).unwrap_or_default();
            let held = after.iter().take_while(|statement| !drops(statement, guard));
            if held.into_iter().any(|statement| has_await(statement)) {
                found.push(Warning {
                    lint: Lint::GuardAcrossAwait,
                    at: TokenTree::Ident(guard.clone()).into(),
                });
            }
        }
    });
    found
}

/// Returns the body with the tokens of `note` after the statement of each guard.
///
/// The compiler decides there by type whether the value is a guard: it isn't in
/// `let n = *n.lock().unwrap();`, and `read()` may be a method of the user.
pub(crate) fn noted(body: TokenStream, note: &impl Fn(&Ident) -> TokenStream) -> TokenStream {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let executed = own_regions(&trees);
    let mut noted = TokenStream::new();
    // The tokens of the current statement.
    let mut statement = Vec::new();
    for (at, (tree, executed)) in trees.iter().zip(executed).enumerate() {
        if !executed {
            noted.extend([tree.clone()]);
            continue;
        }
        let tree = match tree {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), self::noted(group.stream(), note));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other.clone(),
        };
        let ends = is_punct(Some(&tree), ';');
        noted.extend([tree.clone()]);
        if ends {
            let rest: Vec<TokenTree> = trees.get(at + 1..).unwrap_or_default().to_vec();
            noted.extend(guard(&statement).filter(|guard| is_held(guard, &rest)).map(note));
            statement.clear();
        } else {
            statement.push(tree);
        }
    }
    noted
}

/// Whether the statements after a guard contain an `.await` before the guard is dropped or moved.
fn is_held(guard: &Ident, after: &[TokenTree]) -> bool {
    let statements = after.split(|tree| is_punct(Some(tree), ';'));
    let mut held = statements.take_while(|statement| !drops(statement, guard));
    held.any(has_await)
}

/// Returns the name in `let mut guard = .. .lock().unwrap()`.
fn guard(statement: &[TokenTree]) -> Option<&Ident> {
    let [TokenTree::Ident(let_), rest @ ..] = statement else { return None };
    let rest = match rest {
        [TokenTree::Ident(mutable), rest @ ..] if mutable == "mut" => rest,
        rest => rest,
    };
    let [TokenTree::Ident(name), ..] = rest else { return None };
    let [
        ..,
        TokenTree::Punct(_),
        TokenTree::Ident(lock),
        TokenTree::Group(empty),
        TokenTree::Punct(_),
        TokenTree::Ident(unwrap),
        TokenTree::Group(_),
    ] = rest
    else {
        return None;
    };
    let locks = lock == "lock" || lock == "read" || lock == "write";
    let unwraps = unwrap == "unwrap" || unwrap == "expect";
    (let_ == "let" && name != "_" && locks && unwraps && empty.stream().is_empty()).then_some(name)
}

/// Whether the statement drops or moves the guard: `drop(guard)`.
fn drops(statement: &[TokenTree], guard: &Ident) -> bool {
    statement.iter().any(|tree| match tree {
        TokenTree::Group(group) => {
            let inner: Vec<TokenTree> = group.stream().into_iter().collect();
            let alone = matches!(&inner[..], [TokenTree::Ident(name)] if name == guard);
            (alone && group.delimiter() == Delimiter::Parenthesis) || drops(&inner, guard)
        }
        _ => false,
    })
}

/// Whether the tokens contain an `.await` outside `async` blocks, which may run elsewhere.
pub(crate) fn awaits(body: TokenStream) -> bool {
    let mut found = false;
    walk(body, &mut |site| {
        if site.context.async_code {
            return Walk::Skip;
        }
        found |= is_ident(site.tree(), "await") && is_punct(site.before().last(), '.');
        Walk::Enter
    });
    found
}

fn has_await(statement: &[TokenTree]) -> bool {
    awaits(statement.iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(body: &str) -> usize {
        find(body.parse().expect(body)).len()
    }

    #[test]
    fn a_lock_held_at_an_await_is_found() {
        for body in [
            "let n = self.n.lock().unwrap(); self.f().await; *n",
            "let mut n = self.n.lock().expect(\"sane\"); *n += self.f().await;",
            "let map: Guard<'_> = map.read().unwrap(); for a in map { g(a.await) }",
            "if a { let n = n.write().unwrap(); f().await }",
            "let n = n.lock().unwrap(); f().await; drop(n);",
        ] {
            assert_eq!(count(body), 1, "{body}");
        }
        for body in [
            "{ let mut n = self.n.lock().unwrap(); *n += 1; } f().await",
            "let n = self.n.lock().unwrap().len(); f().await",
            "let n = n.lock().unwrap(); drop(n); f().await",
            "let n = n.lock().await; f().await",
            "let _ = n.lock().unwrap(); f().await",
            "let n = file.read(&mut buf).unwrap(); f().await",
            "f().await; let n = n.lock().unwrap(); *n",
            "let n = n.lock().unwrap(); spawn(async move { f().await })",
        ] {
            assert_eq!(count(body), 0, "{body}");
        }
    }
}
