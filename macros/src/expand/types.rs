//! Types that an expansion names: of what a function returns, and of what a handler takes.

use super::at;
use crate::model::{Outcome, Shape, loan};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Path, Type};

/// What the function gives when it succeeds.
pub(super) fn ok(outcome: &Outcome, krate: &Path) -> TokenStream {
    match outcome {
        Outcome::Unit => quote!(()),
        Outcome::Plain(ty) => ty.to_token_stream(),
        Outcome::Written { ok, .. } => ok.to_token_stream(),
        Outcome::Alias(whole) => of_alias(whole, "Ok", krate),
    }
}

/// What it fails with, if it can.
pub(super) fn err(outcome: &Outcome, krate: &Path) -> Option<TokenStream> {
    match outcome {
        Outcome::Unit | Outcome::Plain(_) => None,
        Outcome::Written { err, .. } => Some(known(Some(err), err.to_token_stream(), krate)),
        Outcome::Alias(whole) => Some(of_alias(whole, "Err", krate)),
    }
}

/// `<io::Result<T> as Fallible>::Ok`, from the type's first token to its last.
fn of_alias(whole: &Type, name: &str, krate: &Path) -> TokenStream {
    let place = whole.to_token_stream().into_iter().last().map_or_else(Span::call_site, |tree| tree.span());
    let name = Ident::new(name, Span::mixed_site().located_at(place));
    quote_spanned!(at(whole)=> <#whole as #krate::__private::Fallible>::#name)
}

/// The type as written; behind a mistake, `Unknown`, so that there is no second one.
pub(super) fn known(ty: Option<&Type>, tokens: TokenStream, krate: &Path) -> TokenStream {
    match ty {
        Some(ty) if loan(ty).is_some() => unknown(krate),
        _ => tokens,
    }
}

/// The type of what a session keeps; a borrow, which is a mistake, is kept as one that lasts.
pub(super) fn kept(ty: &Type, krate: &Path) -> TokenStream {
    match ty {
        Type::Reference(reference) if loan(&reference.elem).is_none() => {
            let elem = &reference.elem;
            quote_spanned!(at(ty)=> &'static #elem)
        }
        ty => known(Some(ty), ty.to_token_stream(), krate),
    }
}

/// What a reference refers to: what a request that was borrowed by mistake was meant to be.
pub(super) fn behind(shape: &Shape, krate: &Path) -> TokenStream {
    match shape {
        Shape::Shared(reference) => match &*reference.elem {
            // `str` and its like can't stand alone.
            // Nor is it the peer that was meant.
            Type::Path(path)
                if path
                    .path
                    .segments
                    .last()
                    .is_some_and(|last| last.ident != "str" && last.ident != "Peer") =>
            {
                known(Some(&reference.elem), path.to_token_stream(), krate)
            }
            _ => unknown(krate),
        },
        // `&mut T` is the connection's value, in the wrong place.
        Shape::Exclusive(_) | Shape::Owned => unknown(krate),
    }
}

pub(super) fn unknown(krate: &Path) -> TokenStream {
    quote!(#krate::__private::Unknown)
}

/// The request of a service with this response: with one of the two unknown, so is the other, and every codec fits.
pub(super) fn request_beside(response: &TokenStream, request: TokenStream, krate: &Path) -> TokenStream {
    let unknown = unknown(krate);
    if response.to_string() == unknown.to_string() { unknown } else { request }
}

/// `type Request = Ask;`, at the user's type: what is wrong with it is said there.
pub(super) fn named(name: &str, ty: &TokenStream) -> TokenStream {
    let site = at(ty);
    let name = Ident::new(name, site);
    quote_spanned!(site=> type #name = #ty;)
}
