//! Handlers and hooks stay methods: only their attribute goes, and `&self` becomes
//! `self: &Arc<Self>`.

use super::{attrs, signature};
use crate::model::Function;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Visibility;

/// A handler or hook. Its shape is the service's and not its author's choice, which lints are told.
pub(super) fn item(function: &Function) -> TokenStream {
    let lints = attrs::of_shape(function, &[]);
    if !attrs::is_deprecated(function) {
        return method(function, &lints);
    }
    let mut hidden = function.clone();
    hidden.sig.ident = name(function);
    hidden.vis = Visibility::Inherited;
    hidden.attrs.clear();
    let attrs = attrs::inner(function, None);
    method(&hidden, &quote!(#attrs #[doc(hidden)] #lints))
}

/// What generated code calls it by. It has no warning for a use of what is deprecated: the user's
/// name stands in front of a hidden method then.
pub(super) fn name(function: &Function) -> Ident {
    let name = &function.sig.ident;
    if attrs::is_deprecated(function) { signature::prefixed("__", name) } else { name.clone() }
}

/// The deprecated handler or hook by its own name, which nobody may have a use for.
pub(super) fn deprecated_name(function: &Function) -> Option<TokenStream> {
    if !attrs::is_deprecated(function) {
        return None;
    }
    let Function { vis, sig, .. } = function;
    let (attrs, name, self_) =
        (attrs::outer(&function.attrs), name(function), signature::self_token(function));
    let params = signature::forwarded(&function.params);
    let names = params.iter().map(|param| &param.name);
    let inputs: Vec<_> = signature::forwarding_receiver(&function.receiver)
        .into_iter()
        .chain(params.iter().map(|param| param.declared.clone()))
        .collect();
    let asyncness = &sig.asyncness;
    let head = signature::head(sig, &sig.ident, &inputs, &sig.output.to_token_stream());
    Some(quote_spanned! {Span::mixed_site()=>
        #attrs #vis #asyncness #head { Self::#name(#self_ #(, #names)*).await }
    })
}

/// A method without a role: an `async fn` has the receiver of its neighbours, anything else is as
/// it was.
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
