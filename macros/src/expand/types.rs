//! Types in generated code: success and error types of functions, and types of parameters.

use super::span::at;
use crate::model::{ReturnKind, Shape, find_borrow, peel, sized_form};
use proc_macro2::{Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Path, Token, Type};

/// The success type.
pub(super) fn ok(return_kind: &ReturnKind, krate: &Path) -> TokenStream {
    match return_kind {
        ReturnKind::Unit => quote!(()),
        ReturnKind::Plain(ty) => ty.to_token_stream(),
        ReturnKind::Result { ok, .. } => ok.to_token_stream(),
        ReturnKind::ResultAlias(whole) => of_alias(whole, "Ok", krate),
        ReturnKind::Unresolved { ty, concrete: true } => {
            let is_result = is_result(ty, krate);
            let chosen = quote_spanned!(at(ty)=> #krate::__private::OkType<{ #is_result }>);
            across(ty, &chosen, "Ok")
        }
        ReturnKind::Unresolved { ty, concrete: false } => ty.to_token_stream(),
    }
}

/// `<Alias<String> as Trait>::Name`, located at the type, so that errors are reported there.
pub(super) fn across(ty: &impl ToTokens, of: &TokenStream, name: &str) -> TokenStream {
    across_as(ty, ty, of, name)
}

/// As [`across`], located at another type.
pub(super) fn across_as(
    place: &impl ToTokens,
    ty: &impl ToTokens,
    of: &TokenStream,
    name: &str,
) -> TokenStream {
    let tokens = place.to_token_stream();
    let (first, last) = (tokens.clone().into_iter().next(), tokens.into_iter().last());
    let span = |tree: Option<TokenTree>| tree.map_or_else(Span::call_site, |tree| tree.span());
    let name = Ident::new(name, span(last));
    let open = quote_spanned!(span(first)=> <);
    quote_spanned!(at(ty)=> #open #ty as #of>::#name)
}

/// `is_result!(Alias<String>)`
pub(super) fn is_result(ty: &Type, krate: &Path) -> TokenStream {
    quote_spanned!(at(ty)=> #krate::__private::is_result!(#ty))
}

/// The error type, or `otherwise` if only the compiler can tell whether there is one.
pub(super) fn err_or(return_kind: &ReturnKind, otherwise: TokenStream, krate: &Path) -> TokenStream {
    match return_kind {
        ReturnKind::Unresolved { ty, concrete: true } => {
            let is_result = is_result(ty, krate);
            let chosen = quote_spanned!(at(ty)=> #krate::__private::ErrType<{ #is_result }, #otherwise>);
            across(ty, &chosen, "Err")
        }
        return_kind => err(return_kind, krate).unwrap_or(otherwise),
    }
}

/// The value of a call that returns an alias, with `?` if that is a `Result`.
pub(super) fn settled(return_kind: &ReturnKind, call: &TokenStream, krate: &Path) -> TokenStream {
    match return_kind {
        ReturnKind::Unresolved { ty, concrete: true } => {
            let (site, is_result) = (at(ty), is_result(ty, krate));
            let error = quote_spanned!(site=> <Self as #krate::Service>::Error);
            quote_spanned!(site=> <#ty as #krate::__private::IntoServiceResult<{ #is_result }, #error>>::into_result(#call)?)
        }
        ReturnKind::Unresolved { ty, concrete: false } => {
            let site = at(ty);
            quote_spanned! {site=>
                {
                    use #krate::__private::NotAResult as _;
                    <#krate::__private::IsResult<#ty>>::PROBE.is_plain();
                    #call
                }
            }
        }
        _ => call.clone(),
    }
}

/// The return type, with a name for `!`, which can't be written there.
pub(super) fn whole(output: Option<&Type>, krate: &Path) -> TokenStream {
    match output {
        None => quote!(()),
        Some(ty) if matches!(peel(ty), Type::Never(_)) => {
            quote_spanned!(at(ty)=> <fn() -> #ty as #krate::__private::FnOutput>::Output)
        }
        Some(ty) => ty.to_token_stream(),
    }
}

/// The error type, if there is one.
pub(super) fn err(return_kind: &ReturnKind, krate: &Path) -> Option<TokenStream> {
    match return_kind {
        ReturnKind::Unit | ReturnKind::Plain(_) | ReturnKind::Unresolved { .. } => None,
        ReturnKind::Result { err, .. } => Some(or_unknown(Some(err), err.to_token_stream(), krate)),
        ReturnKind::ResultAlias(whole) => Some(of_alias(whole, "Err", krate)),
    }
}

/// `<io::Result<T> as ResultType>::Ok`, located at the whole type.
fn of_alias(whole: &Type, name: &str, krate: &Path) -> TokenStream {
    let place = whole.to_token_stream().into_iter().last().map_or_else(Span::call_site, |tree| tree.span());
    let name = Ident::new(name, Span::mixed_site().located_at(place));
    quote_spanned!(at(whole)=> <#whole as #krate::__private::ResultType>::#name)
}

/// The type, or `Unknown` if it contains a reference or has no size, which is reported.
pub(super) fn or_unknown(ty: Option<&Type>, tokens: TokenStream, krate: &Path) -> TokenStream {
    match ty {
        Some(ty) if find_borrow(ty).is_some() || sized_form(ty).is_some() => unknown(krate),
        _ => tokens,
    }
}

/// The type of data that a session stores. A reference, which is reported, becomes a `'static` one.
pub(super) fn stored(ty: &Type, krate: &Path) -> TokenStream {
    match ty {
        Type::Reference(reference) if find_borrow(&reference.elem).is_none() => {
            let elem = &reference.elem;
            quote_spanned!(at(ty)=> &'static #elem)
        }
        ty => or_unknown(Some(ty), ty.to_token_stream(), krate),
    }
}

/// The tokens with the type of the service for `Self`, for use outside of the block.
pub(super) fn without_self(tokens: TokenStream, service: &Type) -> TokenStream {
    let mut trees = tokens.into_iter().peekable();
    let mut out = TokenStream::new();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Ident(word) if word == "Self" => {
                // `Self::CONST` begins a path, and `Vec<T>::CONST` would be none.
                let in_path = matches!(trees.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint);
                out.extend(match in_path {
                    true => quote_spanned!(at(&word)=> <#service>),
                    false => service.to_token_stream(),
                });
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_self(group.stream(), service));
                inner.set_span(group.span());
                out.extend([TokenTree::Group(inner)]);
            }
            other => out.extend([other]),
        }
    }
    out
}

/// The type that a reference refers to. It is the request that is meant if the request is borrowed
/// by mistake.
pub(super) fn referent(shape: &Shape, krate: &Path) -> TokenStream {
    match shape {
        Shape::Shared(reference) => match &*reference.elem {
            // `str` and similar types are unsized, and `Peer` is no request.
            Type::Path(path)
                if path
                    .path
                    .segments
                    .last()
                    .is_some_and(|last| last.ident != "str" && last.ident != "Peer") =>
            {
                or_unknown(Some(&reference.elem), path.to_token_stream(), krate)
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

/// The request type. If the response is `Unknown`, so is the request, because every codec fits
/// both.
pub(super) fn request_beside(response: &TokenStream, request: TokenStream, krate: &Path) -> TokenStream {
    let unknown = unknown(krate);
    if response.to_string() == unknown.to_string() { unknown } else { request }
}

/// `type Request = Ask;`, located at the user's type, so that errors are reported there.
pub(super) fn named(name: &str, ty: &TokenStream) -> TokenStream {
    let site = at(ty);
    let name = Ident::new(name, site);
    quote_spanned!(site=> type #name = #ty;)
}

/// The path of the facade: `::portcullis`, or that of `crate = ..`.
pub(super) fn facade(written: Option<&Path>) -> Path {
    written.cloned().unwrap_or_else(|| {
        let mut path = Path::from(Ident::new("portcullis", Span::mixed_site()));
        path.leading_colon = Some(Token![::](Span::mixed_site()));
        path
    })
}

/// The error type of a method whose return type may be an alias of `Result`; the argument is the
/// error type for the case that it is not.
pub(super) type ErrorProjection = Box<dyn Fn(TokenStream) -> TokenStream>;
