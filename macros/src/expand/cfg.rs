//! Combines the `cfg`s of methods, for code that depends on several of them.

use crate::model::Method;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Meta;

/// The predicate of the `cfg`s of a method.
pub(super) fn condition(method: &Method) -> Option<TokenStream> {
    let predicates: Vec<_> = method
        .function
        .cfgs()
        .filter_map(|attr| match &attr.meta {
            Meta::List(list) => Some(&list.tokens),
            _ => None,
        })
        .collect();
    match predicates.as_slice() {
        [] => None,
        [only] => Some(only.to_token_stream()),
        several => Some(quote!(all(#(#several),*))),
    }
}

/// `#[cfg(any(..))]`: one of them is compiled. `None` if one is unconditional.
pub(super) fn any_of<'a>(methods: impl IntoIterator<Item = &'a Method>) -> Option<TokenStream> {
    one_of(methods).map(|condition| quote!(#[cfg(#condition)]))
}

/// `#[cfg(not(any(..)))]`: none of them is compiled. Without methods there is no attribute, and
/// `None` means that one is unconditional.
pub(super) fn none_of<'a>(methods: impl IntoIterator<Item = &'a Method>) -> Option<TokenStream> {
    let mut methods = methods.into_iter().peekable();
    if methods.peek().is_none() {
        return Some(TokenStream::new());
    }
    one_of(methods).map(|condition| quote!(#[cfg(not(#condition))]))
}

fn one_of<'a>(methods: impl IntoIterator<Item = &'a Method>) -> Option<TokenStream> {
    let conditions: Vec<_> = methods.into_iter().map(condition).collect::<Option<_>>()?;
    match conditions.as_slice() {
        [only] => Some(only.clone()),
        several => Some(quote!(any(#(#several),*))),
    }
}
