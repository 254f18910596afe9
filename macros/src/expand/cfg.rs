//! The `cfg`s of methods, for what is written of several of them.

use crate::model::Method;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Meta;

/// The predicate of a method's `cfg`s.
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

/// `#[cfg(any(..))]`: that one of them is there; nothing, if one is in any case.
pub(super) fn any_of<'a>(methods: impl IntoIterator<Item = &'a Method>) -> Option<TokenStream> {
    one_of(methods).map(|condition| quote!(#[cfg(#condition)]))
}

/// `#[cfg(not(any(..)))]`, which is no attribute at all for none; `None`, if one is there in any
/// case.
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
