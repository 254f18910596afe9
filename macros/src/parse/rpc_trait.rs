//! The trait under `#[rpc]`. As in a block, the head is parsed without its items, and each item by
//! itself.

use super::{
    attr_options::RpcTraitOptions,
    block::tokens_of_item,
    cfg,
    function::{Function, RawTraitFn},
    options::strip_none_group,
};
use crate::report::ErrorSink;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    ItemTrait,
    parse::{ParseStream, Parser, discouraged::Speculative},
};

/// A trait whose methods are calls.
pub(crate) struct CallTrait {
    pub(crate) options: RpcTraitOptions,
    /// The trait without its items.
    pub(crate) head: ItemTrait,
    pub(crate) items: Vec<TraitItem>,
    /// The parent of the sinks of the methods.
    pub(crate) sink: ErrorSink,
}

pub(crate) enum TraitItem {
    Fn(Box<TraitFn>),
    /// An associated type or constant, or a macro call.
    Other(TokenStream),
    /// Tokens that only the compiler can report on.
    Unparsed(TokenStream),
}

/// A method, and the body that it must not have.
pub(crate) struct TraitFn {
    pub(crate) function: Function,
    pub(crate) default: Option<Group>,
}

/// The trait; `None` if this is another item.
pub(crate) fn rpc_trait(
    options: RpcTraitOptions,
    tokens: TokenStream,
    sink: &ErrorSink,
) -> Option<CallTrait> {
    let mut trees: Vec<TokenTree> = strip_none_group(tokens).into_iter().collect();
    let Some(TokenTree::Group(body)) = trees.pop() else { return None };
    let mut empty = Group::new(Delimiter::Brace, TokenStream::new());
    empty.set_span(body.span());
    trees.push(TokenTree::Group(empty));
    let mut head: ItemTrait = syn::parse2(trees.into_iter().collect()).ok()?;
    cfg::flatten(&mut head.attrs);
    let mut items = Vec::new();
    let read = |input: ParseStream<'_>| {
        while !input.is_empty() {
            item(input, sink, &mut items)?;
        }
        Ok(())
    };
    if read.parse2(body.stream()).is_err() {
        items = vec![TraitItem::Unparsed(body.stream())];
    }
    Some(CallTrait { options, head, items, sink: sink.clone() })
}

/// One item, or one for each case of its `cfg`s.
fn item(input: ParseStream<'_>, sink: &ErrorSink, items: &mut Vec<TraitItem>) -> syn::Result<()> {
    let fork = input.fork();
    if let Ok(RawTraitFn { raw, default }) = fork.parse() {
        input.advance_to(&fork);
        items.extend(raw.cases().into_iter().map(|raw| {
            let function = Function::new(raw, sink.child());
            TraitItem::Fn(Box::new(TraitFn { function, default: default.clone() }))
        }));
        return Ok(());
    }
    let fork = input.fork();
    if let Ok(item) = fork.parse::<syn::TraitItem>() {
        if !matches!(item, syn::TraitItem::Verbatim(_) | syn::TraitItem::Fn(_)) {
            input.advance_to(&fork);
            items.push(TraitItem::Other(item.into_token_stream()));
            return Ok(());
        }
    }
    items.push(TraitItem::Unparsed(tokens_of_item(input)?));
    Ok(())
}
