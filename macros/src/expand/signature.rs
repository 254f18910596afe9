//! Heads of functions: the user's signature with another name, other inputs, or another result.

use super::span::at;
use crate::model::{Function, Param, Receiver};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{GenericParam, ReceiverKind, Signature, ext::IdentExt};

/// `const unsafe extern "C" fn name<..>(inputs) -> output where ..`, `async` left to the caller.
pub(super) fn head(
    sig: &Signature,
    name: &Ident,
    inputs: &[TokenStream],
    output: &TokenStream,
) -> TokenStream {
    let Signature { constness, safety, abi, fn_token, generics, variadic, .. } = sig;
    let where_clause = &generics.where_clause;
    let brackets = generics.params.is_empty().then(brackets);
    quote!(#constness #safety #abi #fn_token #name #generics #brackets (#(#inputs,)* #variadic) #output #where_clause)
}

/// `<>` of nobody's.
pub(super) fn brackets() -> TokenStream {
    quote_spanned!(Span::mixed_site()=> <>)
}

/// The receiver as generated functions have it: `&self` becomes `self: &Arc<Self>`.
pub(super) fn receiver(receiver: &Receiver) -> Option<TokenStream> {
    let written = receiver.written()?;
    Some(match (receiver, &written.kind) {
        (Receiver::Shared(_), ReceiverKind::Reference(and, lifetime, _)) => {
            let (attrs, self_) = (&written.attrs, &written.self_token);
            quote_spanned!(at(and)=> #(#attrs)* #self_: & #lifetime ::std::sync::Arc<Self>)
        }
        _ => written.to_token_stream(),
    })
}

/// The receiver of a function that only hands itself on, and so has no use for `mut`.
pub(super) fn forwarding_receiver(receiver: &Receiver) -> Option<TokenStream> {
    match receiver {
        Receiver::Arc(written) => {
            let written = syn::Receiver { mutability: None, ..written.clone() };
            Some(written.to_token_stream())
        }
        other => self::receiver(other),
    }
}

/// `self`, with the span that makes it the user's.
pub(super) fn self_token(function: &Function) -> Option<syn::Token![self]> {
    function.receiver.written().map(|written| written.self_token)
}

/// A parameter that is handed on: its name, and how it is declared under that name.
pub(super) struct Forwarded {
    pub(super) name: Ident,
    pub(super) declared: TokenStream,
}

/// Patterns (`Point { x, y }: Point`, `_: T`) are taken apart by the body; on the way there they
/// need a name.
pub(super) fn forwarded(params: &[Param]) -> Vec<Forwarded> {
    forwarded_as(params, |_| false)
}

/// As [`forwarded`]; what expressions beside the body name is there under its name, though the body
/// may not use it.
pub(super) fn forwarded_as(params: &[Param], is_named: impl Fn(&Ident) -> bool) -> Vec<Forwarded> {
    let name = |(index, param): (usize, &Param)| {
        let unused = || param.ident().filter(|name| is_named(name));
        match param.name().or_else(unused) {
            Some(name) => name.clone(),
            None => format_ident!("arg{index}", span = Span::mixed_site()),
        }
    };
    params
        .iter()
        .enumerate()
        .map(|(index, param)| {
            let (name, ty) = (name((index, param)), &param.written.ty);
            let declared = quote!(#name: #ty);
            Forwarded { name, declared }
        })
        .collect()
}

/// `::<T, N>`, so that the body is called with the very types of the call.
pub(super) fn turbofish(sig: &Signature) -> Option<TokenStream> {
    let names: Vec<_> = sig
        .generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Const(param) => Some(&param.ident),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    (!names.is_empty()).then(|| quote!(::<#(#names),*>))
}

/// The braces of the user's body around what is done in its place: lints take the function for one
/// that is written, and tell of it if nobody uses it.
pub(super) fn in_body_braces(function: &Function, body: TokenStream) -> Group {
    let mut block = Group::new(Delimiter::Brace, body);
    block.set_span(function.body.span());
    block
}

/// Where the signature ends. One that ends in tokens of ours has its place at our attribute,
/// whatever else is in it.
pub(super) fn end(function: &Function) -> Span {
    let last = function.output().and_then(|ty| ty.to_token_stream().into_iter().last());
    last.map_or(function.sig.paren_token.span.close(), |tree| match tree {
        TokenTree::Group(group) => group.span_close(),
        other => other.span(),
    })
}

/// `prefix` and the name, with the name's own span: `blocking_shrink`, `__count`.
pub(super) fn prefixed(prefix: &str, name: &Ident) -> Ident {
    Ident::new(&format!("{prefix}{}", name.unraw()), name.span())
}
