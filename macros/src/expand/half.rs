//! What is half written.
//!
//! The compiler has said so, and would say it again if it were to read it once more: for the
//! compiler there is a function that stands in for it. Editors read on where the compiler gives up,
//! and get it as it stands.

use super::{at, fallback, handler, helper, signature};
use crate::{
    model::{Function, Item, Method, Role, Service},
    parse::{Half, ends_as_an_item},
};
use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Generics, Path};

/// One for the compiler, and one for editors.
pub(super) fn either(compiled: &TokenStream, written: &TokenStream, krate: &Path) -> TokenStream {
    quote_spanned!(Span::mixed_site()=> #krate::__private::for_editors! { { #compiled } { #written } })
}

/// Half a function of which it has been said. What may be Rust is left to the compiler, in
/// [`behind`].
pub(super) fn method(
    function: &Function,
    role: &Role,
    half: &Half,
    krate: &Path,
    block: Option<&Generics>,
) -> TokenStream {
    if half.name.is_none() {
        return if half.is_reported {
            either(&TokenStream::new(), &half.front, krate)
        } else {
            TokenStream::new()
        };
    }
    let in_front = match role {
        Role::Blocking(blocking) => fallback::without_job(function, blocking, krate),
        _ => TokenStream::new(),
    };
    if !half.is_reported {
        return in_front;
    }
    let compiled = match (role, block) {
        (Role::Blocking(blocking), _) => fallback::offload(function, blocking, krate),
        (Role::Helper, Some(block)) => helper::items(function, block, krate),
        _ => handler::plain(function),
    };
    let written = as_written(function, role, half, block.is_some());
    either(&compiled, &quote!(#in_front #written), krate)
}

/// Our attributes, which are gone from the methods: what editors show of them, and where they lead
/// to.
pub(super) fn attributes(service: &Service, krate: &Path) -> Option<TokenStream> {
    let names: Vec<_> = service.methods().flat_map(|method| &method.marks).collect();
    let uses = quote_spanned!(Span::mixed_site()=> const _: () = { #(use #krate::#names as _;)* };);
    (!names.is_empty()).then(|| either(&TokenStream::new(), &uses, krate))
}

/// What only the compiler can judge. It reads a block up to the first mistake in it, so this goes
/// behind all else.
pub(super) fn behind<'a>(service: &'a Service, krate: &'a Path) -> impl Iterator<Item = TokenStream> + 'a {
    service.items.iter().map(|item| match item {
        Item::Unread(tokens) => {
            let tokens = super::outside::without_marks(tokens.clone());
            if ends_as_an_item(&tokens) { tokens } else { either(&TokenStream::new(), &tokens, krate) }
        }
        Item::Method(method) => alone(method, true),
        Item::Other(_) => TokenStream::new(),
    })
}

/// The same of one function.
pub(super) fn alone(method: &Method, in_service: bool) -> TokenStream {
    match &method.function.half {
        Some(half) if !half.is_reported => as_written(&method.function, &method.role, half, in_service),
        _ => TokenStream::new(),
    }
}

/// Its tokens: a blocking function's under the name of its body, and in a service with the receiver
/// of its neighbours.
fn as_written(function: &Function, role: &Role, half: &Half, in_service: bool) -> TokenStream {
    let Half { front, name, rest, .. } = half;
    let is_blocking = matches!(role, Role::Blocking(_));
    let name = name.as_ref().map(|name| match is_blocking {
        true => signature::prefixed("blocking_", name),
        false => name.clone(),
    });
    let is_sugared = in_service && (is_blocking || function.sig.asyncness.is_some());
    let rest = if is_sugared { shared(rest) } else { rest.clone() };
    quote!(#front #name #rest)
}

/// `(&self, ..)` as `(self: &Arc<Self>, ..)`.
fn shared(rest: &TokenStream) -> TokenStream {
    let mut done = false;
    rest.clone()
        .into_iter()
        .map(|tree| match tree {
            TokenTree::Group(group) if !done && group.delimiter() == Delimiter::Parenthesis => {
                done = true;
                let mut inner = Group::new(Delimiter::Parenthesis, receiver(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other,
        })
        .collect()
}

fn receiver(inputs: TokenStream) -> TokenStream {
    let trees: Vec<TokenTree> = inputs.clone().into_iter().collect();
    let is_comma = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ',');
    match trees.as_slice() {
        [TokenTree::Punct(and), TokenTree::Ident(self_), rest @ ..]
            if and.as_char() == '&' && self_ == "self" && rest.first().is_none_or(is_comma) =>
        {
            let written = quote_spanned!(at(and)=> #self_: &::std::sync::Arc<Self>);
            quote!(#written #(#rest)*)
        }
        _ => inputs,
    }
}
