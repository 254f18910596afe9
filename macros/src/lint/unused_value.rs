//! Finds unused values of `#[must_use]` helpers.
//!
//! rustc warns at `self.count(1).await;` if `count` is a `#[must_use] async fn`. A helper is
//! expanded to a `fn` that returns a future, for which rustc doesn't warn.

use crate::{
    model::{Role, Service},
    parse::inner_meta,
    tokens::{each_block, is_punct},
};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// Returns the `#[must_use]` helpers of the block.
pub(super) fn helpers(service: &Service) -> Vec<&Ident> {
    let must = |attrs: &[syn::Attribute]| {
        attrs.iter().filter_map(inner_meta).any(|meta| meta.path().is_ident("must_use"))
    };
    let methods = service.methods().filter(|method| matches!(method.role, Role::Helper));
    methods.filter(|method| must(&method.function.attrs)).map(|method| &method.function.sig.ident).collect()
}

/// Finds each statement `self.count(..).await;` of these helpers.
pub(super) fn find(body: TokenStream, helpers: &[&Ident]) -> Vec<TokenStream> {
    let mut found = Vec::new();
    if helpers.is_empty() {
        return found;
    }
    each_block(body, &mut |trees| {
        let mut statements: Vec<&[TokenTree]> = trees.split(|tree| is_punct(Some(tree), ';')).collect();
        // The last part has no semicolon: it is the value of the block.
        statements.pop();
        for statement in statements {
            let [
                before @ ..,
                TokenTree::Ident(self_),
                TokenTree::Punct(dot),
                TokenTree::Ident(name),
                TokenTree::Group(args),
                TokenTree::Punct(again),
                TokenTree::Ident(await_),
            ] = statement
            else {
                continue;
            };
            let calls = self_ == "self" && dot.as_char() == '.' && args.delimiter() == Delimiter::Parenthesis;
            // A statement can follow a block without a semicolon.
            let begins = match before.last() {
                None => true,
                Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
                Some(_) => false,
            };
            if begins && calls && again.as_char() == '.' && await_ == "await" && helpers.contains(&name) {
                found.push(statement.iter().skip(before.len()).cloned().collect());
            }
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    #[test]
    fn an_unused_value_is_found() {
        let (count, other) = (format_ident!("count"), format_ident!("other"));
        for (body, times) in [
            ("self.count(1).await; 2", 1),
            ("if a { self.count(1).await; } self.other().await;", 2),
            ("self.count(1).await", 0),
            ("let n = self.count(1).await;", 0),
            ("let _ = self.count(1).await;", 0),
            ("self.count(1).await.max(2);", 0),
            ("self.plain().await;", 0),
        ] {
            assert_eq!(find(body.parse().expect(body), &[&count, &other]).len(), times, "{body}");
        }
    }
}
