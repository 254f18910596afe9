//! A helper, which is an `async fn` without an attribute: a future that owns its service, and a
//! hidden method with the body.
//!
//! ```text
//! async fn count(&self, n: u64) -> u64 { .. }
//!
//! fn count(self: &Arc<Self>, n: u64) -> impl Future<Output = u64> + Send + use<..> {
//!     let this: Arc<Self> = Clone::clone(self);
//!     async move { Self::__count(&this, n).await }
//! }
//! async fn __count(self: &Arc<Self>, n: u64) -> u64 { .. }
//! ```
//!
//! The first has the braces of the user's body: if it looked generated, the compiler would report
//! none of the block's methods as unused. It never reports names with a leading underscore.
//!
//! `Send` is written out so that methods can call each other recursively through jobs: the compiler
//! could not infer it.

use super::{attrs, signature, span::at, types};
use crate::model::Function;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{GenericParam, Generics, Path};

pub(super) fn items(function: &Function, block: &Generics, krate: &Path) -> TokenStream {
    let future = future(function, block, krate);
    let body = body(function);
    quote!(#future #body)
}

fn future(function: &Function, block: &Generics, krate: &Path) -> TokenStream {
    let Function { vis, sig, .. } = function;
    let attrs = attrs::outer(&function.attrs);
    let params = signature::forwarded(&function.params);
    let inputs: Vec<_> = signature::forwarding_receiver(&function.receiver)
        .into_iter()
        .chain(params.iter().map(|param| param.declared.clone()))
        .collect();
    let result = types::whole(function.output(), krate);
    let captured = captured(block).chain(captured(&sig.generics));
    let close = quote_spanned!(signature::end(function)=> >);
    let output = quote_spanned! {at(&sig.ident)=>
        -> impl ::core::future::Future<Output = #result> + ::core::marker::Send + use<#(#captured),* #close
    };
    let head = signature::head(sig, &sig.ident, &inputs, &output);
    let (name, turbofish) = (signature::prefixed("__", &sig.ident), signature::turbofish(sig));
    let self_ = signature::self_token(function);
    let names = params.iter().map(|param| &param.name);
    // A future that is not `Send` is reported at the method.
    let future = quote_spanned! {at(&sig.ident)=>
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(#self_);
        async move { Self::#name #turbofish (&this #(, #names)*).await }
    };
    let future = signature::in_body_braces(function, future);
    quote_spanned!(at(&sig.ident)=> #attrs #vis #head #future)
}

fn body(function: &Function) -> TokenStream {
    let Function { sig, body, .. } = function;
    let (attrs, lints) = (attrs::inner(function, None), attrs::of_shape(function, &[]));
    let inputs: Vec<_> = signature::receiver(&function.receiver)
        .into_iter()
        .chain(function.params.iter().map(|param| param.written.to_token_stream()))
        .collect();
    let name = signature::prefixed("__", &sig.ident);
    let head = signature::head(sig, &name, &inputs, &sig.output.to_token_stream());
    let asyncness = &sig.asyncness;
    quote_spanned! {Span::mixed_site()=>
        #attrs
        #[doc(hidden)]
        #lints
        #asyncness #head #body
    }
}

/// Everything that the future may capture, which is all but the borrow of `self`.
fn captured(generics: &Generics) -> impl Iterator<Item = TokenStream> + '_ {
    generics.params.iter().map(|param| match param {
        GenericParam::Lifetime(param) => param.lifetime.to_token_stream(),
        GenericParam::Type(param) => param.ident.to_token_stream(),
        GenericParam::Const(param) => param.ident.to_token_stream(),
    })
}
