//! Bounds for generic services, which are shared between threads and live as long as the server.
//!
//! Without them, the compiler would report the type parameters at each generated item. With them,
//! it reports a type argument that does not satisfy them where the service is used.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Generics, ItemImpl, WherePredicate};

/// Adds `S: 'static, Keys<S>: Send + Sync` to the `where` of a block with type parameters.
pub(super) fn bound(head: &mut ItemImpl) {
    let ty = &head.self_ty;
    let place = ty.to_token_stream().into_iter().next().map_or_else(Span::call_site, |tree| tree.span());
    let site = Span::mixed_site().located_at(place);
    let params: Vec<TokenStream> = conditionless(&head.generics).collect();
    if params.is_empty() {
        return;
    }
    let owned = params.iter().map(|param| quote_spanned!(site=> #param: 'static));
    let shared = quote_spanned!(site=> #ty: ::core::marker::Send + ::core::marker::Sync);
    let predicates: Vec<_> =
        owned.chain([shared]).filter_map(|tokens| syn::parse2::<WherePredicate>(tokens).ok()).collect();
    head.generics.make_where_clause().predicates.extend(predicates);
}

/// The type parameters without `cfg`s.
fn conditionless(generics: &Generics) -> impl Iterator<Item = TokenStream> + '_ {
    let is_cfg = |attr: &syn::Attribute| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr");
    generics
        .type_params()
        .filter(move |param| !param.attrs.iter().any(is_cfg))
        .map(|param| param.ident.to_token_stream())
}
