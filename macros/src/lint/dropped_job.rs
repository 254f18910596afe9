//! A job of the block that is cancelled in the statement that starts it.

use super::level::is_mark;
use crate::model::{Method, Receiver, Role, Service};
use crate::report::{Lint, Warning};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;

/// The jobs of the block that a drop cancels.
pub(super) fn jobs(service: &Service) -> Vec<Ident> {
    let job = |method: &Method| match &method.role {
        Role::Blocking(blocking) => {
            let lends = matches!(method.function.receiver, Receiver::Shared(_) | Receiver::Arc(_));
            let is_job = lends && !blocking.detached && !method.is_conditional();
            is_job.then(|| method.function.sig.ident.clone())
        }
        _ => None,
    };
    service.methods().filter_map(job).collect()
}

/// Each `let _ = self.job(..);`, `_ = self.job(..);` and `drop(self.job(..))`.
pub(super) fn find(body: TokenStream, jobs: &[Ident]) -> Vec<Warning> {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let mut found = Vec::new();
    let mut foreign = false;
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            // A nested `impl` or `trait` has a `self` of its own.
            TokenTree::Ident(word) if word == "impl" || word == "trait" => foreign = true,
            TokenTree::Group(group) if foreign && group.delimiter() == Delimiter::Brace => foreign = false,
            TokenTree::Group(group) if !is_of_macro(&trees, at) => {
                match statement(&trees, at, jobs).or_else(|| dropped(&trees, at, jobs)) {
                    Some(at) => found.push(Warning { lint: Lint::OffloadDropped, at }),
                    None => found.extend(find(group.stream(), jobs)),
                }
            }
            _ => {}
        }
    }
    found
}

/// `[let] _ = self.job(..)`, whose brackets are at `at`.
fn statement(trees: &[TokenTree], at: usize, jobs: &[Ident]) -> Option<TokenStream> {
    let ends = trees.get(at + 1).is_none_or(|tree| is_mark(Some(tree), ';'));
    let (before, name) = call(trees.get(..at)?, jobs)?;
    match before {
        [.., TokenTree::Ident(nothing), TokenTree::Punct(equals)] => {
            (ends && nothing == "_" && equals.as_char() == '=').then(|| name.to_token_stream())
        }
        _ => None,
    }
}

/// `drop(self.job(..))`, whose brackets are at `at`.
fn dropped(trees: &[TokenTree], at: usize, jobs: &[Ident]) -> Option<TokenStream> {
    let (Some(TokenTree::Ident(drop)), Some(TokenTree::Group(group))) =
        (trees.get(..at)?.last(), trees.get(at))
    else {
        return None;
    };
    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
    let name = match inner.as_slice() {
        [before @ .., TokenTree::Group(arguments)] if arguments.delimiter() == Delimiter::Parenthesis => {
            call(before, jobs).filter(|(before, _)| before.is_empty()).map(|(_, name)| name.to_token_stream())
        }
        _ => None,
    };
    let is_method = is_mark(at.checked_sub(2).and_then(|dot| trees.get(dot)), '.');
    name.filter(|_| drop == "drop" && !is_method)
}

/// What stands in front of `self.job`, and the name.
fn call<'a>(trees: &'a [TokenTree], jobs: &[Ident]) -> Option<(&'a [TokenTree], &'a Ident)> {
    match trees {
        [before @ .., TokenTree::Ident(own), TokenTree::Punct(dot), TokenTree::Ident(name)]
            if own == "self" && dot.as_char() == '.' && jobs.contains(name) =>
        {
            Some((before, name))
        }
        _ => None,
    }
}

/// The brackets of a macro, whose tokens may mean anything.
pub(super) fn is_of_macro(trees: &[TokenTree], at: usize) -> bool {
    let name = at.checked_sub(2).and_then(|name| trees.get(name));
    let is_bang = at.checked_sub(1).is_some_and(|bang| is_mark(trees.get(bang), '!'));
    is_bang
        && matches!(name, Some(TokenTree::Ident(name)) if !["if", "while", "match", "return", "in"].iter().any(|keyword| name == keyword))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    #[test]
    fn jobs_that_never_run() {
        let count = |text: &str| find(text.parse().expect(text), &[format_ident!("job")]).len();
        for text in [
            "let _ = self.job(1);",
            "_ = self.job(1);",
            "drop(self.job(1));",
            "std::mem::drop(self.job(1))",
            "if a { let _ = self.job(1); }",
            "let f = || { let _ = self.job(1); };",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "let _ = self.job(1).await;",
            "let _job = self.job(1);",
            "let _ = self.job(1)?;",
            "self.job(1).detach();",
            "let _ = self.other(1);",
            "let _ = this.job(1);",
            "let (_, a) = (self.job(1), 2);",
            "drop(self.job(1).await)",
            "self.list.drop(self.job(1))",
            "quote! { let _ = self.job(1); }",
            "impl X for Y { fn f(&self) { let _ = self.job(1); } }",
            "match a { _ => self.job(1) }",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
