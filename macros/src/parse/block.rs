//! The item under `#[service]`. The head of the block is parsed without its items, and each item by
//! itself, so that a syntax error in one does not affect the others.

use super::{
    ServiceOptions, cfg,
    function::{Function, RawFn},
    incomplete::parse_incomplete,
    options::strip_none_group,
};
use crate::report::ErrorSink;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, ImplItem, ItemImpl, Token,
    parse::{ParseStream, Parser, discouraged::Speculative},
};

/// The item under the attribute.
pub(crate) enum Target {
    /// An inherent `impl` block.
    Block(Box<Block>),
    /// Any other item.
    NotAnImpl(Box<NotAnImpl>),
}

/// An item that can't be a service.
pub(crate) enum NotAnImpl {
    TraitImpl(ItemImpl),
    Item { item: syn::Item },
    Unparsable,
}

/// An inherent `impl` block.
pub(crate) struct Block {
    pub(crate) options: ServiceOptions,
    /// The block without its items.
    pub(crate) head: ItemImpl,
    pub(crate) items: Vec<Item>,
    /// The parent of the sinks of the functions.
    pub(crate) sink: ErrorSink,
}

pub(crate) enum Item {
    Fn(Box<Function>),
    /// Constants, types, macro calls.
    Other(TokenStream),
    /// Tokens that only the compiler can report on.
    Unparsed(TokenStream),
}

/// Parses the item.
pub(crate) fn target(options: ServiceOptions, tokens: TokenStream, sink: &ErrorSink) -> Target {
    let tokens = strip_none_group(tokens);
    let other = match head(&tokens) {
        Some((head, body)) if head.trait_.is_none() => {
            let (attrs, items) = items(body.stream(), sink);
            let mut head = head;
            head.attrs.extend(attrs);
            cfg::flatten(&mut head.attrs);
            return Target::Block(Box::new(Block { options, head, items, sink: sink.clone() }));
        }
        Some((head, _)) => NotAnImpl::TraitImpl(head),
        None => match syn::parse2(tokens) {
            Ok(item) => NotAnImpl::Item { item },
            Err(_) => NotAnImpl::Unparsable,
        },
    };
    Target::NotAnImpl(Box::new(other))
}

/// If `cfg`s on the parameters of the `impl` decide which of them exist: the block for each case.
pub(crate) fn cases_of_block(tokens: &TokenStream) -> Option<Vec<TokenStream>> {
    let (head, body) = head(&super::strip_none_group(tokens.clone()))?;
    let items = ImplItem::Verbatim(body.stream());
    let cases = cfg::cases_of_impl(&head.attrs, &head.generics)?;
    let case = |(attrs, generics)| ItemImpl { attrs, generics, items: vec![items.clone()], ..head.clone() };
    Some(cases.into_iter().map(|parts| case(parts).into_token_stream()).collect())
}

/// The block without its items, and the group of the items.
fn head(tokens: &TokenStream) -> Option<(ItemImpl, Group)> {
    let mut trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let Some(TokenTree::Group(body)) = trees.pop() else { return None };
    let mut empty = Group::new(Delimiter::Brace, TokenStream::new());
    empty.set_span(body.span());
    trees.push(TokenTree::Group(empty));
    let head = syn::parse2(trees.into_iter().collect()).ok()?;
    Some((head, body))
}

/// Inner attributes and items of the block.
fn items(tokens: TokenStream, sink: &ErrorSink) -> (Vec<Attribute>, Vec<Item>) {
    let mut attrs = Vec::new();
    let mut items = Vec::new();
    let read = |input: ParseStream<'_>| {
        let fork = input.fork();
        if let Ok(inner) = fork.call(Attribute::parse_inner) {
            input.advance_to(&fork);
            attrs = inner;
        }
        while !input.is_empty() {
            items.extend(item(input, sink)?);
        }
        Ok(())
    };
    match read.parse2(tokens.clone()) {
        Ok(()) => (attrs, items),
        Err(_) => (Vec::new(), vec![Item::Unparsed(tokens)]),
    }
}

/// One item, or one for each case of its `cfg`s.
fn item(input: ParseStream<'_>, sink: &ErrorSink) -> syn::Result<Vec<Item>> {
    if let Some(items) = parse_item(input, sink) {
        return Ok(items);
    }
    let tokens = tokens_of_item(input)?;
    Ok(vec![match parse_incomplete(tokens.clone(), sink) {
        Some(function) => Item::Fn(Box::new(function)),
        None => Item::Unparsed(tokens),
    }])
}

fn parse_item(input: ParseStream<'_>, sink: &ErrorSink) -> Option<Vec<Item>> {
    let fork = input.fork();
    if let Ok(raw) = fork.parse::<RawFn>() {
        input.advance_to(&fork);
        let function = |raw| Item::Fn(Box::new(Function::new(raw, sink.child())));
        return Some(raw.cases().into_iter().map(function).collect());
    }
    let fork = input.fork();
    let item = fork.parse().ok().filter(|item| !matches!(item, ImplItem::Verbatim(_)))?;
    input.advance_to(&fork);
    Some(vec![Item::Other(item.into_token_stream())])
}

/// The tokens of an item that can't be parsed: up to its semicolon or braces, or to the next item
/// that can.
pub(super) fn tokens_of_item(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    // Qualifiers, which a newer compiler may know: `pub(crate) gen fn f() {}`.
    let mut qualifies = true;
    while !input.is_empty() {
        let tree: TokenTree = input.parse()?;
        qualifies &= match &tree {
            TokenTree::Ident(word) => word != "fn",
            TokenTree::Punct(punct) => punct.as_char() == '#',
            TokenTree::Group(_) | TokenTree::Literal(_) => true,
        };
        let last = match &tree {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        };
        tokens.extend([tree]);
        if last || next_item_starts(input, qualifies) {
            break;
        }
    }
    Ok(tokens)
}

/// Whether the next item starts here. An incomplete item has no end of its own, but words before
/// `fn` may be qualifiers of what follows.
fn next_item_starts(input: ParseStream<'_>, qualifies: bool) -> bool {
    let first = input.peek(Token![#]) || input.peek(Token![pub]);
    let inner = input.peek(Token![async])
        || input.peek(Token![unsafe])
        || input.peek(Token![const])
        || input.peek(Token![type])
        || input.peek(Token![fn]);
    (first || inner && !qualifies)
        && (input.fork().parse::<RawFn>().is_ok() || input.fork().parse::<ImplItem>().is_ok())
}
