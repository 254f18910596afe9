//! Warnings: a use of a deprecated constant at the beginning of a body. The compiler prints the
//! note of the deprecation.
//!
//! ```text
//! async fn poll(self: &Arc<Self>) {
//!     const _: () = ::portcullis::lints::THREAD_SLEEP;
//!     std::thread::sleep(DAY);
//! }
//! ```
//!
//! It is in the body, so that the lint levels of the method, the block and the crate apply to it,
//! `expect` included.

use super::span::relocate;
use crate::{
    lint,
    model::{Function, Method, Role},
    report::{Lint, Warning},
};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Attribute, Path};

/// The function with its warnings, if there are any.
pub(super) fn with_warnings(method: &Method, krate: &Path) -> Option<Function> {
    let warnings = method.sink.warnings();
    if warnings.is_empty() {
        return None;
    }
    let mut function = method.function.clone();
    let is_guard = |warning: &&Warning| warning.lint == Lint::GuardAcrossAwait;
    if warnings.iter().any(|warning| is_guard(&warning)) {
        let stream = lint::noted(function.body.stream(), &|guard| guard_note(guard, krate));
        let mut body = Group::new(function.body.delimiter(), stream);
        body.set_span(function.body.span());
        function.body = body;
    }
    let others = warnings.iter().filter(|warning| !is_guard(warning));
    let notes: TokenStream = others.map(|warning| note(warning, krate)).collect();
    function.body = prepend(&notes, &function.body);
    Some(function)
}

/// Whether the method stays untouched: it is plain, sets no lint level that a warning in its body
/// would have to follow, and no warning needs the type of a value in the body.
pub(super) fn is_untouched(method: &Method) -> bool {
    let levels = ["allow", "warn", "deny", "forbid", "expect", "cfg_attr"];
    let has_level = |attr: &Attribute| levels.iter().any(|level| attr.path().is_ident(level));
    let dedup_name = |warning: &Warning| !matches!(warning.lint, Lint::GuardAcrossAwait | Lint::UnusedValue);
    matches!(method.role, Role::Plain)
        && method.sink.warnings().iter().all(dedup_name)
        && !method.function.attrs.iter().any(has_level)
}

/// The warnings of an untouched method, for after the block.
pub(super) fn trailing(method: &Method, levels: &TokenStream, krate: &Path) -> Option<TokenStream> {
    let warnings = method.sink.warnings();
    if warnings.is_empty() || !is_untouched(method) {
        return None;
    }
    let cfgs = method.function.cfgs();
    let notes: TokenStream = warnings.iter().map(|warning| note(warning, krate)).collect();
    Some(quote_spanned!(Span::mixed_site()=> #(#cfgs)* #levels const _: () = { #notes };))
}

/// The warning for a `#[must_use]` value that is ignored. It has the tokens from `self` to `await`,
/// as rustc's own; rustc would not report at generated tokens.
fn unused_value(call: &TokenStream) -> TokenStream {
    let trees: Vec<TokenTree> = call.clone().into_iter().collect();
    let (Some(first), Some(TokenTree::Ident(name)), Some(last)) = (trees.first(), trees.get(2), trees.last())
    else {
        return TokenStream::new();
    };
    let mut name = name.clone();
    name.set_span(first.span());
    let mut brackets = Group::new(Delimiter::Parenthesis, TokenStream::new());
    let declared = brackets.clone();
    brackets.set_span(last.span());
    quote_spanned! {Span::mixed_site()=>
        {
            #[must_use = "the method is `#[must_use]`, and this is what awaiting it gives"]
            fn #name #declared -> bool { true }
            #name #brackets;
        }
    }
}

/// `(&guard).held_across_await();`, a method that is deprecated if the value is a guard.
fn guard_note(guard: &Ident, krate: &Path) -> TokenStream {
    let site = Span::mixed_site().located_at(guard.span());
    let name = Ident::new("held_across_await", site);
    quote_spanned!(site=> { use #krate::lints::{Guard as _, Value as _}; (&#guard).#name(); })
}

/// The body with `tokens` before its statements, and after its inner attributes.
pub(super) fn prepend(tokens: &TokenStream, body: &Group) -> Group {
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

fn note(warning: &Warning, krate: &Path) -> TokenStream {
    let Warning { lint, at } = warning;
    // From the first token to the last.
    let place = |tree: Option<TokenTree>| {
        let place = tree.map_or_else(Span::call_site, |tree| tree.span());
        Span::mixed_site().located_at(place)
    };
    let (first, last) = (place(at.clone().into_iter().next()), place(at.clone().into_iter().last()));
    let krate = relocate(krate, first);
    let name = Ident::new(lint.name(), last);
    let path = quote_spanned!(last=> #krate::lints::#name);
    match lint {
        Lint::UnusedValue => unused_value(at),
        Lint::UnusedWorker => quote_spanned!(last=> #path(#at);),
        _ => quote_spanned!(last=> const _: () = #path;),
    }
}
