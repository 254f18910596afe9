//! The item under `#[service]`, as written.

use super::{
    ServiceOptions,
    function::{Bare, Function},
    options::without_invisible_group,
};
use crate::{names::Word, report::Sink};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::{
    Attribute, ItemImpl,
    parse::{ParseStream, Parser, discouraged::Speculative},
};

/// What the attribute stands on.
pub(crate) enum Target {
    /// An inherent `impl` block.
    Block(Box<Block>),
    /// Anything else.
    Other(Box<Other>),
}

/// An item that can't be a service, and what to call it.
pub(crate) enum Other {
    TraitImpl(ItemImpl),
    Item { item: syn::Item },
    Unreadable,
}

/// An inherent `impl` block; its items are read apart from its head, so that a body is never parsed.
pub(crate) struct Block {
    pub(crate) options: ServiceOptions,
    /// Everything but the items.
    pub(crate) head: ItemImpl,
    pub(crate) items: Vec<Item>,
    /// The parent of the functions' sinks.
    pub(crate) sink: Sink,
}

pub(crate) enum Item {
    Fn(Box<Function>),
    /// Constants, types, macro calls, and what only the compiler can explain.
    Other(TokenStream),
}

/// Reads the item and tells what it is.
pub(crate) fn target(options: ServiceOptions, tokens: TokenStream, sink: &Sink) -> Target {
    let tokens = without_invisible_group(tokens);
    let other = match head(&tokens) {
        Some((head, body)) if head.trait_.is_none() => {
            let (attrs, items) = items(body.stream(), sink);
            let mut head = head;
            head.attrs.extend(attrs);
            return Target::Block(Box::new(Block { options, head, items, sink: sink.clone() }));
        }
        Some((head, _)) => Other::TraitImpl(head),
        None => match syn::parse2(tokens) {
            Ok(item) => Other::Item { item },
            Err(_) => Other::Unreadable,
        },
    };
    Target::Other(Box::new(other))
}

/// The block without its items, and the braces that they are in.
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
fn items(tokens: TokenStream, sink: &Sink) -> (Vec<Attribute>, Vec<Item>) {
    let read = |input: ParseStream<'_>| {
        let attrs = input.call(Attribute::parse_inner)?;
        let mut items = Vec::new();
        while !input.is_empty() {
            items.push(item(input, sink)?);
        }
        Ok((attrs, items))
    };
    // Anything that fails here fails in the compiler as well, which says it better.
    read.parse2(tokens.clone()).unwrap_or_else(|_| (Vec::new(), vec![Item::Other(tokens)]))
}

fn item(input: ParseStream<'_>, sink: &Sink) -> syn::Result<Item> {
    let ahead = input.fork();
    if let Ok(bare) = ahead.parse::<Bare>() {
        input.advance_to(&ahead);
        return Ok(Item::Fn(Box::new(Function::new(bare, sink.child()))));
    }
    let ahead = input.fork();
    if let Ok(item) = ahead.parse::<syn::ImplItem>() {
        input.advance_to(&ahead);
        return Ok(Item::Other(quote::ToTokens::into_token_stream(item)));
    }
    tokens_of_item(input).map(Item::Other)
}

/// An item that is not understood: up to its semicolon or braces, attributes of ours left out.
fn tokens_of_item(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    for attr in input.call(Attribute::parse_outer)? {
        if Word::of(attr.path()).is_none() {
            quote::ToTokens::to_tokens(&attr, &mut tokens);
        }
    }
    while !input.is_empty() {
        let tree: TokenTree = input.parse()?;
        let last = match &tree {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        };
        tokens.extend([tree]);
        if last {
            break;
        }
    }
    Ok(tokens)
}
