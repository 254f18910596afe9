//! Attributes in places where they have no meaning: one error, and the item as it is written.

use crate::{
    attributes::AttrKind,
    model::Service,
    parse::{self, NotAnImpl},
    report::ErrorSink,
    tokens::is_punct,
};
use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Item, Path};

/// A method's attribute that the compiler has called. `#[service]` did not read it: there is none,
/// or the attribute has another name here.
pub(crate) fn misplaced_attr(word: AttrKind, item: TokenStream) -> TokenStream {
    if is_probe(&item) {
        return TokenStream::new();
    }
    let name = word.name();
    let message = match is_of_a_service(&item) {
        true => format!(
            "`#[service]` knows this attribute by its own name only: write `#[{name}]`, or a path that ends in `{name}`"
        ),
        false if word == AttrKind::Rpc && is_without_body(&item) => {
            "`#[rpc]` can be used on a method of a trait only if the trait has it too: write `#[rpc]` on the trait around it".to_owned()
        }
        false => {
            let or = if word == AttrKind::Rpc { ", or on a trait" } else { "" };
            format!(
                "`#[{name}]` can be used only on a method in a `#[service]` block{or}: write `#[service]` on the `impl` block around it"
            )
        }
    };
    let mistake = syn::Error::new(proc_macro2::Span::call_site(), message).to_compile_error();
    quote!(#item #mistake)
}

/// The name of the function under each probe.
const PROBE: &str = "portcullis_reads_this_attribute";

/// A probe for each attribute that is ours by its last name only: a function under the attribute,
/// with an error in its body. Our attribute removes the function. Any other leaves it, and its
/// error is reported.
pub(super) fn attr_probes(service: &Service) -> TokenStream {
    let probes = service.methods().flat_map(|method| method.paths.iter().map(move |path| (method, path)));
    let questions: TokenStream = probes
        .map(|(method, path)| {
            let cfgs = method.function.cfgs();
            let name = proc_macro2::Ident::new(PROBE, Span::mixed_site());
            let written = crate::tokens::to_text(path);
            let last = path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
            let message = format!(
                "`{written}` isn't an attribute of portcullis, but `#[service]` reads every attribute on a method that is called `{last}`: import it under another name"
            );
            let mistake = syn::Error::new_spanned(path, message).to_compile_error();
            quote!(#(#cfgs)* #[#path] async fn #name() { #mistake })
        })
        .map(|question| quote!({ #question }))
        .collect();
    if questions.is_empty() { questions } else { quote!(const _: () = { #questions };) }
}

/// Whether this is the function of a probe.
pub(crate) fn is_probe(item: &TokenStream) -> bool {
    item.clone().into_iter().any(|tree| matches!(tree, TokenTree::Ident(name) if name == PROBE))
}

/// Whether this is a method of a trait.
fn is_without_body(item: &TokenStream) -> bool {
    is_punct(item.clone().into_iter().last().as_ref(), ';')
}

/// Whether the first parameter is `self: &::std::sync::Arc<Self>`, as
/// [`signature::receiver`](super::signature::receiver) writes it for a method of a service.
fn is_of_a_service(item: &TokenStream) -> bool {
    let is_inputs = |tree: &TokenTree| matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis);
    let inputs = item.clone().into_iter().find(is_inputs).map(|tree| tree.to_string()).unwrap_or_default();
    let inputs: String = inputs.chars().filter(|c| !c.is_whitespace()).collect();
    inputs.starts_with("(self:&::std::sync::Arc<Self>")
}

/// The error for `#[service]` on an item that is no inherent `impl` block.
pub(super) fn not_a_block(other: &NotAnImpl, item: TokenStream, sink: &ErrorSink) -> TokenStream {
    match other {
        NotAnImpl::TraitImpl(head) => {
            let (at, what) = match &head.trait_ {
                Some((path, _)) => (path.to_token_stream(), path.to_token_stream().to_string()),
                None => (head.self_ty.to_token_stream(), String::new()),
            };
            let ty = head.self_ty.to_token_stream();
            sink.error(
                at,
                format!(
                    "`#[service]` can be used only on an inherent `impl` block, and this one implements `{what}`: move the handlers to `#[service] impl {ty} {{ .. }}`"
                ),
            );
        }
        NotAnImpl::Item { item } => {
            let (at, what, suggestion) = described(item);
            sink.error(
                at,
                format!("`#[service]` can be used only on an `impl` block, not on {what}: {suggestion}"),
            );
        }
        // The compiler has reported it.
        NotAnImpl::Unparsable if is_incomplete_block(&item) => {}
        NotAnImpl::Unparsable => {
            let message =
                "`#[service]` can be used only on an `impl` block: write `#[service] impl Type { .. }`";
            sink.push(syn::Error::new(proc_macro2::Span::call_site(), message));
        }
    }
    strip_attrs(item)
}

/// Whether this is an `impl` that ends before its braces.
fn is_incomplete_block(item: &TokenStream) -> bool {
    let head = item
        .clone()
        .into_iter()
        .take_while(|tree| !matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace));
    !parse::is_terminated(item) || parse::is_truncated(&head.collect())
}

/// The location of the error, the kind of the item, and the suggestion.
fn described(item: &Item) -> (TokenStream, &'static str, String) {
    let of_type = |name: &syn::Ident| format!("write `#[service] impl {name} {{ .. }}`");
    let elsewhere = || "move it to the `impl` block of the service's type".to_owned();
    match item {
        Item::Struct(item) => (item.ident.to_token_stream(), "a struct", of_type(&item.ident)),
        Item::Enum(item) => (item.ident.to_token_stream(), "an enum", of_type(&item.ident)),
        Item::Union(item) => (item.ident.to_token_stream(), "a union", of_type(&item.ident)),
        Item::Fn(item) => (item.sig.ident.to_token_stream(), "a function", elsewhere()),
        Item::Trait(item) => {
            let suggestion = "move it to the `impl` block of the service's type, or write `#[rpc]` if this is a trait of calls";
            (item.ident.to_token_stream(), "a trait", suggestion.to_owned())
        }
        Item::Mod(item) => (item.ident.to_token_stream(), "a module", elsewhere()),
        other => (first(other.to_token_stream()), "this item", elsewhere()),
    }
}

fn first(tokens: TokenStream) -> TokenStream {
    tokens.into_iter().take(1).collect()
}

/// The error for `#[blocking]` on an item that is no function with a body.
pub(crate) fn not_a_function(item: TokenStream, sink: &ErrorSink) -> TokenStream {
    if !parse::is_terminated(&item) {
        // The item is being typed.
        return strip_attrs(item);
    }
    if let Ok(Item::Impl(block)) = syn::parse2(item.clone()) {
        sink.error(
            block.impl_token,
            "`#[blocking]` can be used only on functions and methods: move it to the methods that block",
        );
        return strip_attrs(item);
    }
    let message = match syn::parse2::<syn::TraitItemFn>(item.clone()) {
        Ok(_) => {
            "`#[blocking]` can't be used on a trait method without a body: move it to a function or a method of an \
             inherent `impl` block"
        }
        Err(_) => {
            "`#[blocking]` can be used only on a function, or on a method of an inherent `impl` block: write a `fn`, or \
             `Pool::shared().run(..)`"
        }
    };
    sink.push(syn::Error::new(proc_macro2::Span::call_site(), message));
    strip_attrs(item)
}

/// The tokens without our attributes, which would report errors of their own.
pub(super) fn strip_attrs(tokens: TokenStream) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();
    for tree in tokens {
        match tree {
            TokenTree::Group(group) if is_mark(&group, kept.last()) => {
                kept.pop();
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let mut inner = Group::new(Delimiter::Brace, strip_attrs(group.stream()));
                inner.set_span(group.span());
                kept.push(TokenTree::Group(inner));
            }
            other => kept.push(other),
        }
    }
    kept.into_iter().collect()
}

/// Whether this is `[request(..)]` after a `#`.
fn is_mark(group: &Group, before: Option<&TokenTree>) -> bool {
    let follows_hash = matches!(before, Some(TokenTree::Punct(punct)) if punct.as_char() == '#');
    let path: TokenStream = group.stream().into_iter().take_while(is_of_path).collect();
    follows_hash
        && group.delimiter() == Delimiter::Bracket
        && syn::parse2::<Path>(path).is_ok_and(|path| AttrKind::of(&path).is_some())
}

fn is_of_path(tree: &TokenTree) -> bool {
    match tree {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    }
}
