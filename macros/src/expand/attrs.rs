//! The attributes of a method that is expanded to more than one item.
//!
//! | attribute | function that is called | function with the body | other items that name the types |
//! |---|---|---|---|
//! | `doc` | yes | only of a `#[blocking]` one | |
//! | `cfg` | yes | yes | yes |
//! | `allow`, `warn`, `deny`, `forbid` | yes | yes | yes |
//! | `expect` | the lints about it, the others as `allow` | the other lints, those as `allow` | `allow` |
//! | `deprecated` | yes | no, because the expansion calls it | |
//! | `must_use` | yes | no | |
//! | `tracing::instrument` | no | yes, with the name of the method | |
//! | any other | no | yes | |
//!
//! A `#[cfg_attr(P, ..)]` is treated as the attribute in it.

use crate::{
    lint,
    model::{CallTrait, Function, Method, Role, Service, summary},
    parse::{inner_meta, with_inner_meta},
    tokens::mentions,
};
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Meta, Path, ext::IdentExt};

const LEVELS: [&str; 5] = ["allow", "expect", "warn", "deny", "forbid"];
/// Lints about the function that is called, which has the name, the docs, the visibility and the
/// callers.
const OF_THE_OUTER: [&str; 4] = ["dead_code", "unused", "missing_docs", "unreachable_pub"];

/// The function of two that an attribute is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Outer,
    Inner,
}

/// The attributes of the function that the user calls. A hidden one has the body.
pub(super) fn outer(attrs: &[Attribute]) -> TokenStream {
    attrs.iter().map(outer_attr).collect()
}

fn outer_attr(attr: &Attribute) -> TokenStream {
    let Some(meta) = inner_meta(attr) else { return TokenStream::new() };
    let is = |name: &str| meta.path().is_ident(name);
    if is("expect") {
        return expected(attr, &meta, Side::Outer);
    }
    if is("must_use") && matches!(meta, Meta::Path(_)) {
        // A future is `#[must_use]` already, and clippy wants a reason for a second attribute.
        return with_inner_meta(attr, &quote!(must_use = "what it comes to is meant to be used"));
    }
    let kept = ["doc", "cfg", "deprecated", "must_use", "allow", "warn", "deny", "forbid"];
    if kept.iter().any(|name| is(name)) { attr.to_token_stream() } else { TokenStream::new() }
}

/// The attributes of the hidden function with the body.
pub(super) fn inner(function: &Function, worker: Option<&Ident>) -> TokenStream {
    let one = |attr: &Attribute| {
        let Some(meta) = inner_meta(attr) else { return attr.to_token_stream() };
        let is = |name: &str| meta.path().is_ident(name);
        if is("doc") || is("deprecated") || is("must_use") {
            return TokenStream::new();
        }
        body_attr(attr, &meta, function, worker)
    };
    function.attrs.iter().map(one).collect()
}

/// The attributes of a `blocking_` function that calls a hidden one.
pub(super) fn forwarding(function: &Function) -> TokenStream {
    let is_doc = |attr: &&Attribute| inner_meta(attr).is_some_and(|meta| meta.path().is_ident("doc"));
    function.attrs.iter().filter(|attr| !is_doc(attr)).map(outer_attr).collect()
}

/// The attributes of a `blocking_` function with the body. The caller writes its docs.
pub(super) fn of_body(function: &Function, worker: Option<&Ident>) -> TokenStream {
    let one = |attr: &Attribute| {
        let Some(meta) = inner_meta(attr) else { return attr.to_token_stream() };
        if meta.path().is_ident("doc") {
            return TokenStream::new();
        }
        body_attr(attr, &meta, function, worker)
    };
    function.attrs.iter().map(one).collect()
}

fn body_attr(attr: &Attribute, meta: &Meta, function: &Function, worker: Option<&Ident>) -> TokenStream {
    if meta.path().is_ident("expect") {
        return expected(attr, meta, Side::Inner);
    }
    if is_instrument(meta.path()) {
        return with_inner_meta(attr, &instrumented(meta, function, worker));
    }
    attr.to_token_stream()
}

/// `#[expect(dead_code, unused_variables)]`: each lint is expected of one of the two functions, and
/// allowed for the other.
fn expected(attr: &Attribute, meta: &Meta, side: Side) -> TokenStream {
    let Meta::List(list) = meta else { return TokenStream::new() };
    let (mut here, mut there, mut reason) = (Vec::new(), Vec::new(), None);
    for part in split(list.tokens.clone()) {
        let text = compact(&part);
        let of = if OF_THE_OUTER.contains(&&*text) { Side::Outer } else { Side::Inner };
        match text {
            _ if text.starts_with("reason=") => reason = Some(part),
            _ if of == side => here.push(part),
            _ => there.push(part),
        }
    }
    let reason: Vec<_> = reason.into_iter().collect();
    let level = |name: TokenStream, lints: &[TokenStream]| match lints.is_empty() {
        true => TokenStream::new(),
        false => with_inner_meta(attr, &quote!(#name(#(#lints,)* #(#reason)*))),
    };
    let (expect, allow) = (level(quote!(expect), &here), level(quote!(allow), &there));
    quote!(#expect #allow)
}

/// The attributes of each item after the block: `cfg`s and lint levels of the block, and the lints
/// that its methods allow, because the item repeats their types. The compiler reports on the types
/// at the methods.
pub(super) fn of_block(service: &Service) -> TokenStream {
    let role = |method: &&Method| !matches!(method.role, Role::Plain | Role::Helper | Role::Blocking(_));
    of_items(&service.head.attrs, service.methods().filter(role))
}

/// As [`of_block`], of the items beside a trait of calls.
pub(super) fn of_trait(written: &CallTrait) -> TokenStream {
    of_items(&written.head.attrs, written.calls().map(|(method, _)| method))
}

fn of_items<'a>(head: &[Attribute], methods: impl Iterator<Item = &'a Method>) -> TokenStream {
    let cfgs = head.iter().filter(|attr| attr.path().is_ident("cfg")).map(ToTokens::to_token_stream);
    let own = head.iter().filter_map(|attr| level(attr, &["warn", "deny", "forbid"]));
    let of_methods = methods.flat_map(|method| &method.function.attrs).filter_map(|attr| level(attr, &[]));
    let mut said = Vec::new();
    let levels = own.chain(of_methods).filter(|level| {
        let text = level.to_string();
        let is_new = !said.contains(&text);
        said.push(text);
        is_new
    });
    cfgs.chain(levels).collect()
}

/// `allow` and `expect` as `allow`; the levels in `others` as they are.
fn level(attr: &Attribute, others: &[&str]) -> Option<TokenStream> {
    let meta = inner_meta(attr)?;
    let Meta::List(list) = &meta else { return None };
    let lints = &list.tokens;
    let is = |level: &str| list.path.is_ident(level);
    if is("allow") || is("expect") {
        return Some(with_inner_meta(attr, &quote!(allow(#lints))));
    }
    others.iter().any(|level| is(level)).then(|| with_inner_meta(attr, &meta.to_token_stream()))
}

/// The docs of the variant of a state: the first paragraph of the handler's docs without links.
/// Links may not resolve from the enum, and examples would run twice.
pub(super) fn of_variant(function: &Function) -> TokenStream {
    let cfgs: TokenStream = function.cfgs().map(ToTokens::to_token_stream).collect();
    let line = without_links(&summary(&function.attrs));
    let doc = match line.is_empty() {
        true => format!(" The state `{}`.", function.sig.ident.unraw()),
        false => format!(" {line}"),
    };
    quote!(#cfgs #[doc = #doc])
}

/// `[text](target)`, `[text][target]` and `[text]` as `text`, but not in code.
fn without_links(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '`' => rest[1..].find('`').map_or(1, |end| end + 2),
            ']' if rest[1..].starts_with('(') => rest.find(')').map_or(1, |end| end + 1),
            ']' if rest[1..].starts_with('[') => rest[1..].find(']').map_or(1, |end| end + 2),
            other => other.len_utf8(),
        };
        match first {
            '[' | ']' => {}
            '<' => text.push_str("\\<"),
            _ => text.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    text
}

/// An `#[allow(..)]` of the clippy lints about the shape of a function, which the attribute
/// determines and not the author. Lints that the author has set stay.
pub(super) fn of_shape(function: &Function, others: &[(&str, bool)]) -> TokenStream {
    let body = function.body.stream();
    let owned = function.params.iter().any(|param| param.is_owned());
    let lints = [
        ("clippy::unused_async", function.sig.asyncness.is_some() && !lint::awaits(body.clone())),
        ("clippy::unused_self", function.receiver.written().is_some() && !mentions(body, "self")),
        ("clippy::needless_pass_by_value", owned),
        ("clippy::large_types_passed_by_value", owned),
    ];
    let likely = lints.iter().chain(others).filter(|(_, is_likely)| *is_likely);
    quiet(function, likely.map(|(lint, _)| *lint))
}

/// `#[allow(..)]` of those lints that neither the function nor its block sets.
fn quiet<'a>(function: &Function, lints: impl Iterator<Item = &'a str>) -> TokenStream {
    let own: Vec<String> = function.attrs.iter().flat_map(|attr| named(attr, &LEVELS)).collect();
    let interceptor: Vec<String> =
        function.levels.iter().flat_map(|attr| named(attr, &["expect", "forbid"])).collect();
    let is_open = |lint: &&str| own.iter().chain(&interceptor).all(|named| named != lint);
    let lints: Vec<Path> = lints.filter(is_open).filter_map(|lint| syn::parse_str(lint).ok()).collect();
    if lints.is_empty() { TokenStream::new() } else { quote!(#[allow(#(#lints),*)]) }
}

/// Whether the function is expected to be unused.
pub(super) fn expects_dead_code(function: &Function) -> bool {
    let mut named = function.attrs.iter().chain(&function.levels).flat_map(|attr| named(attr, &["expect"]));
    named.any(|lint| ["dead_code", "unused", "warnings"].contains(&&*lint))
}

pub(super) fn is_deprecated(function: &Function) -> bool {
    function.attrs.iter().filter_map(inner_meta).any(|meta| meta.path().is_ident("deprecated"))
}

/// The lints that an attribute of one of these levels names.
fn named(attr: &Attribute, levels: &[&str]) -> Vec<String> {
    match inner_meta(attr) {
        Some(Meta::List(list)) if levels.iter().any(|level| list.path.is_ident(level)) => {
            split(list.tokens).iter().map(compact).collect()
        }
        _ => Vec::new(),
    }
}

/// `instrument`, `tracing::instrument`
fn is_instrument(path: &Path) -> bool {
    let mut names = path.segments.iter().rev().map(|segment| segment.ident.to_string());
    let last = names.next();
    let of = names.next();
    last.is_some_and(|last| last == "instrument")
        && of.is_none_or(|of| of == "tracing" || of == "tracing_attributes")
}

/// The arguments of `instrument` with the name that is written, and without the worker as a field.
fn instrumented(meta: &Meta, function: &Function, worker: Option<&Ident>) -> TokenStream {
    let path = meta.path();
    let mut args = match meta {
        Meta::List(list) => split(list.tokens.clone()),
        _ => Vec::new(),
    };
    let begins = |arg: &TokenStream, word: &str| match arg.clone().into_iter().next() {
        Some(TokenTree::Ident(ident)) => ident == word,
        _ => false,
    };
    let is_text = |arg: &TokenStream| matches!(arg.clone().into_iter().next(), Some(TokenTree::Literal(_)));
    if !args.iter().any(|arg| begins(arg, "name") || is_text(arg)) {
        let name = function.sig.ident.unraw().to_string();
        args.push(quote!(name = #name));
    }
    if let Some(worker) = worker.filter(|_| !args.iter().any(|arg| begins(arg, "skip_all"))) {
        match args.iter_mut().find(|arg| begins(arg, "skip")) {
            Some(skip) => *skip = also_skipping(skip, worker),
            None => args.push(quote!(skip(#worker))),
        }
    }
    quote!(#path(#(#args),*))
}

/// `skip(image)` as `skip(image, worker)`.
fn also_skipping(skip: &TokenStream, worker: &Ident) -> TokenStream {
    let tree = |tree: TokenTree| match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
            let mut skipped = split(group.stream());
            if skipped.iter().all(|name| *worker != name.to_string()) {
                skipped.push(worker.to_token_stream());
            }
            TokenTree::Group(Group::new(Delimiter::Parenthesis, quote!(#(#skipped),*)))
        }
        other => other,
    };
    skip.clone().into_iter().map(tree).collect()
}

/// The elements of a list.
fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is_comma = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ',');
    let parts = trees.split(is_comma).map(|part| part.iter().cloned().collect::<TokenStream>());
    parts.filter(|part| !part.is_empty()).collect()
}

/// `clippy::unused_async`, without spaces.
fn compact(tokens: &TokenStream) -> String {
    tokens.to_string().split_whitespace().collect()
}
