//! What is half written.
//!
//! The compiler has said so, and would say it again if it were to read it once more: for the
//! compiler there is a function that stands in for it. Editors read on where the compiler gives up,
//! and get it as it stands.

use super::{at, fallback, handler, helper, signature};
use crate::{
    model::{Function, Item, Method, Role, Service},
    parse::{IncompleteFn, is_terminated},
};
use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Generics, Path};

/// One for the compiler, and one for editors.
pub(super) fn either(compiled: &TokenStream, written: &TokenStream, krate: &Path) -> TokenStream {
    quote_spanned!(Span::mixed_site()=> #krate::__private::for_editors! { { #compiled } { #written } })
}

/// IncompleteFn a function of which it has been said. What may be Rust is left to the compiler, in
/// [`behind`].
pub(super) fn method(
    function: &Function,
    role: &Role,
    incomplete: &IncompleteFn,
    krate: &Path,
    block: Option<&Generics>,
) -> TokenStream {
    if incomplete.name.is_none() {
        return if incomplete.is_reported {
            either(&TokenStream::new(), &incomplete.head, krate)
        } else {
            TokenStream::new()
        };
    }
    let in_front = match role {
        Role::Blocking(blocking) => fallback::without_job(function, blocking, krate),
        _ => TokenStream::new(),
    };
    if !incomplete.is_reported {
        return in_front;
    }
    let compiled = match (role, block) {
        (Role::Blocking(blocking), _) => fallback::offload(function, blocking, krate),
        (Role::Helper, Some(block)) => helper::items(function, block, krate),
        _ => handler::plain(function),
    };
    let written = as_written(function, role, incomplete, block.is_some());
    either(&compiled, &quote!(#in_front #written), krate)
}

/// Our attributes, which are gone from the methods: what editors show of them, and where they lead
/// to.
pub(super) fn attributes(service: &Service, krate: &Path) -> Option<TokenStream> {
    let names: Vec<_> = service.methods().flat_map(|method| &method.own_attrs).collect();
    let uses = quote_spanned!(Span::mixed_site()=> const _: () = { #(use #krate::#names as _;)* };);
    (!names.is_empty()).then(|| either(&TokenStream::new(), &uses, krate))
}

/// What only the compiler can judge. It reads a block up to the first mistake in it, so this goes
/// behind all else.
pub(super) fn behind<'a>(service: &'a Service, krate: &'a Path) -> impl Iterator<Item = TokenStream> + 'a {
    service.items.iter().map(|item| match item {
        Item::Unparsed(tokens) => {
            let tokens = super::misplaced::strip_attrs(tokens.clone());
            if is_terminated(&tokens) { tokens } else { either(&TokenStream::new(), &tokens, krate) }
        }
        Item::Method(method) => alone(method, true),
        Item::Other(_) => TokenStream::new(),
    })
}

/// The same of one function.
pub(super) fn alone(method: &Method, in_service: bool) -> TokenStream {
    match &method.function.incomplete {
        Some(incomplete) if !incomplete.is_reported => {
            as_written(&method.function, &method.role, incomplete, in_service)
        }
        _ => TokenStream::new(),
    }
}

/// Its tokens: a blocking function's under the name of its body, and in a service with the receiver
/// of its neighbours.
fn as_written(function: &Function, role: &Role, incomplete: &IncompleteFn, in_service: bool) -> TokenStream {
    let IncompleteFn { head, name, tail, .. } = incomplete;
    let is_blocking = matches!(role, Role::Blocking(_));
    let name = name.as_ref().map(|name| match is_blocking {
        true => signature::prefixed("blocking_", name),
        false => name.clone(),
    });
    let has_rewritten_receiver = in_service && (is_blocking || function.sig.asyncness.is_some());
    let tail = if has_rewritten_receiver { shared(tail) } else { tail.clone() };
    quote!(#head #name #tail)
}

/// `(&self, ..)` as `(self: &Arc<Self>, ..)`.
fn shared(tail: &TokenStream) -> TokenStream {
    let mut done = false;
    tail.clone()
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
        [TokenTree::Punct(and), TokenTree::Ident(self_), tail @ ..]
            if and.as_char() == '&' && self_ == "self" && tail.first().is_none_or(is_comma) =>
        {
            let written = quote_spanned!(at(and)=> #self_: &::std::sync::Arc<Self>);
            quote!(#written #(#tail)*)
        }
        _ => inputs,
    }
}
