//! Warnings: at the head of a body, a use of the deprecated constant that says what is the matter.
//!
//! ```text
//! async fn poll(self: &Arc<Self>) {
//!     const _: () = ::portcullis::lints::THREAD_SLEEP;
//!     std::thread::sleep(DAY);
//! }
//! ```
//!
//! It stands in the body, so that lint levels of the method, the block and the crate are heeded, `expect` too.

use crate::{
    lint::{Finding, Lint},
    model::{Function, Method},
};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::Path;

/// The function with its warnings, if there are any.
pub(super) fn told(method: &Method, krate: &Path) -> Option<Function> {
    let warnings = method.sink.warnings();
    if warnings.is_empty() {
        return None;
    }
    let mut function = method.function.clone();
    let notes: TokenStream = warnings.iter().map(|finding| note(finding, krate)).collect();
    function.body = ahead(&notes, &function.body);
    Some(function)
}

/// The body with `tokens` at its head: behind `#![allow(..)]`, ahead of what is done.
pub(super) fn ahead(tokens: &TokenStream, body: &Group) -> Group {
    let trees: Vec<TokenTree> = body.stream().into_iter().collect();
    let is =
        |tree: &TokenTree, mark: char| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == mark);
    let attributes = trees.chunks(3).take_while(|chunk| match chunk {
        [hash, bang, TokenTree::Group(group)] => {
            is(hash, '#') && is(bang, '!') && group.delimiter() == Delimiter::Bracket
        }
        _ => false,
    });
    let (attributes, rest) = trees.split_at(attributes.count() * 3);
    let mut whole = Group::new(body.delimiter(), quote!(#(#attributes)* #tokens #(#rest)*));
    whole.set_span(body.span());
    whole
}

fn note(finding: &Finding, krate: &Path) -> TokenStream {
    let Finding { lint, at } = finding;
    // From the first of the tokens to the last.
    let place = |tree: Option<TokenTree>| {
        let place = tree.map_or_else(Span::call_site, |tree| tree.span());
        Span::mixed_site().located_at(place)
    };
    let (first, last) = (place(at.clone().into_iter().next()), place(at.clone().into_iter().last()));
    let krate = spread(krate, first);
    let name = Ident::new(lint.name(), last);
    let path = quote_spanned!(last=> #krate::lints::#name);
    match lint {
        Lint::UnusedWorker => quote_spanned!(last=> #path(#at);),
        _ => quote_spanned!(last=> const _: () = #path;),
    }
}

/// The path, as if it began there.
pub(super) fn spread(krate: &Path, first: Span) -> TokenStream {
    let tokens = quote!(#krate);
    let move_ = |mut tree: TokenTree| {
        tree.set_span(tree.span().located_at(first));
        tree
    };
    tokens.into_iter().map(move_).collect()
}
