//! Spans of generated tokens.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};

/// A span at the location of these tokens, whose names resolve as names of the expansion: the
/// compiler reports a mismatch there, and the name can't collide with one of the user's.
pub(super) fn at(tokens: &impl ToTokens) -> Span {
    let location = syn::spanned::Spanned::span(&tokens.to_token_stream());
    Span::mixed_site().located_at(location)
}

/// The path with its tokens located at `first`, so that a message about it begins there.
pub(super) fn relocate(path: &syn::Path, first: Span) -> TokenStream {
    let relocated = quote!(#path).into_iter().map(|mut tree| {
        tree.set_span(tree.span().located_at(first));
        tree
    });
    relocated.collect()
}
