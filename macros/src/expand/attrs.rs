//! Which of two generated functions a user's attribute goes to.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Meta};

/// The attributes of the function that people call and that generated code stands in for: what is read from
/// outside (docs, `cfg`, deprecation), and lint levels, since the signature is the user's.
pub(super) fn outer(attrs: &[Attribute]) -> TokenStream {
    attrs.iter().filter_map(outer_attr).collect()
}

fn outer_attr(attr: &Attribute) -> Option<TokenStream> {
    let path = attr.path();
    // What the body is expected to do, our call of it does not: allow it instead.
    if path.is_ident("expect") {
        let Meta::List(list) = &attr.meta else { return None };
        let lints = &list.tokens;
        return Some(quote!(#[allow(#lints)]));
    }
    // The call in it is ours, and no use of what is deprecated.
    if path.is_ident("deprecated") {
        return Some(quote_spanned!(Span::mixed_site()=> #attr #[allow(deprecated)]));
    }
    let kept = ["doc", "cfg", "allow", "warn", "deny", "forbid"];
    kept.iter().any(|name| path.is_ident(name)).then(|| attr.to_token_stream())
}

/// The attributes of a hidden body that a documented function stands in front of.
pub(super) fn inner(attrs: &[Attribute]) -> TokenStream {
    attrs
        .iter()
        .filter(|attr| !attr.path().is_ident("doc") && !attr.path().is_ident("deprecated"))
        .map(ToTokens::to_token_stream)
        .collect()
}
