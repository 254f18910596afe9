//! Handlers and hooks stay methods: only their attribute goes, and `&self` becomes `self: &Arc<Self>`.

use super::signature;
use crate::model::Function;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

/// A handler or hook. Its shape is the service's and not its author's choice, which lints are told.
pub(super) fn item(function: &Function) -> TokenStream {
    let lints = quote!(#[allow(clippy::unused_async, clippy::unused_self, clippy::needless_pass_by_value)]);
    method(function, &lints)
}

/// A method without a role: an `async fn` has the receiver of its neighbours, anything else is as it was.
pub(super) fn plain(function: &Function) -> TokenStream {
    if function.sig.asyncness.is_some() {
        return method(function, &TokenStream::new());
    }
    let Function { attrs, vis, sig, body, .. } = function;
    quote!(#(#attrs)* #vis #sig #body)
}

/// The method with the receiver of a shared service.
fn method(function: &Function, lints: &TokenStream) -> TokenStream {
    let Function { attrs, vis, sig, body, .. } = function;
    let inputs: Vec<_> = signature::receiver(&function.receiver)
        .into_iter()
        .chain(function.params.iter().map(|param| param.written.to_token_stream()))
        .collect();
    let asyncness = &sig.asyncness;
    let head = signature::head(sig, &sig.ident, &inputs, &sig.output.to_token_stream());
    // `async` stands between `const` and `unsafe`, which no `async fn` that we rewrite has.
    quote!(#(#attrs)* #lints #vis #asyncness #head #body)
}
