//! Handlers, hooks and plain methods. They stay methods: `&self` becomes `self: &Arc<Self>`.

use super::{attrs, signature};
use crate::model::Function;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Visibility;

/// A handler or hook. Lints about its shape, which the service determines, are allowed.
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

/// The name for calls from generated code. A deprecated method is hidden under another name, so
/// that the calls produce no warning.
pub(super) fn name(function: &Function) -> Ident {
    let name = &function.sig.ident;
    if attrs::is_deprecated(function) { signature::prefixed("__", name) } else { name.clone() }
}

/// The deprecated handler or hook under its own name, which calls the hidden method.
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

/// A method without a role. An `async fn` gets the receiver of the others.
pub(super) fn plain(function: &Function) -> TokenStream {
    if function.sig.asyncness.is_some() {
        return method(function, &TokenStream::new());
    }
    let Function { attrs, vis, sig, body, .. } = function;
    quote!(#(#attrs)* #vis #sig #body)
}

/// The method with `self: &Arc<Self>`.
fn method(function: &Function, lints: &TokenStream) -> TokenStream {
    let Function { attrs, vis, sig, body, .. } = function;
    let inputs: Vec<_> = signature::receiver(&function.receiver)
        .into_iter()
        .chain(function.params.iter().map(|param| param.written.to_token_stream()))
        .collect();
    let asyncness = &sig.asyncness;
    let head = signature::head(sig, &sig.ident, &inputs, &sig.output.to_token_stream());
    // `async` is written between `const` and `unsafe`, which no rewritten `async fn` has.
    quote!(#(#attrs)* #lints #vis #asyncness #head #body)
}
