//! Signatures of generated functions: the user's, with another name, other inputs, or another
//! return type.

use super::span::at;
use crate::model::{Function, Param, Receiver};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{GenericParam, ReceiverKind, Signature, ext::IdentExt};

/// `const unsafe extern "C" fn name<..>(inputs) -> output where ..`. The caller writes `async`.
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

/// `<>`, located in the expansion.
pub(super) fn brackets() -> TokenStream {
    quote_spanned!(Span::mixed_site()=> <>)
}

/// The receiver of generated functions: `&self` becomes `self: &Arc<Self>`.
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

/// The receiver of a function that only forwards it, without `mut`.
pub(super) fn forwarding_receiver(receiver: &Receiver) -> Option<TokenStream> {
    match receiver {
        Receiver::Arc(written) => {
            let written = syn::Receiver { mutability: None, ..written.clone() };
            Some(written.to_token_stream())
        }
        other => self::receiver(other),
    }
}

/// `self` with the user's span, without which it would not resolve.
pub(super) fn self_token(function: &Function) -> Option<syn::Token![self]> {
    function.receiver.written().map(|written| written.self_token)
}

/// A forwarded parameter: its name, and its declaration.
pub(super) struct Forwarded {
    pub(super) name: Ident,
    pub(super) declared: TokenStream,
}

/// The parameters, with names in the place of patterns (`Point { x, y }: Point`, `_: T`), which the
/// function with the body has.
pub(super) fn forwarded(params: &[Param]) -> Vec<Forwarded> {
    forwarded_as(params, |_| false)
}

/// As [`forwarded`]; parameters whose names `is_named` keep them, even with a leading underscore.
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

/// `::<T, N>`: the body is called with the types of the call.
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

/// The statements in the braces of the user's body: lints then take the function for written code,
/// and report it if it is unused.
pub(super) fn in_body_braces(function: &Function, body: TokenStream) -> Group {
    let mut block = Group::new(Delimiter::Brace, body);
    block.set_span(function.body.span());
    block
}

/// The end of the signature. A signature that ended in a generated token would be located at the
/// attribute.
pub(super) fn end(function: &Function) -> Span {
    let last = function.output().and_then(|ty| ty.to_token_stream().into_iter().last());
    last.map_or(function.sig.paren_token.span.close(), |tree| match tree {
        TokenTree::Group(group) => group.span_close(),
        other => other.span(),
    })
}

/// `prefix` and the name, with the span of the name: `blocking_shrink`, `__count`.
pub(super) fn prefixed(prefix: &str, name: &Ident) -> Ident {
    Ident::new(&format!("{prefix}{}", name.unraw()), name.span())
}
