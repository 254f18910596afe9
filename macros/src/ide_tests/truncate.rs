//! Truncations: a text up to one of its tokens, with closing delimiters for the open groups.

use super::source::Subject;
use crate::attributes::AttrKind;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{ImplItem, ImplItemFn, ItemImpl};

/// What follows the truncated text.
#[derive(Clone, Copy)]
pub(super) enum Rest {
    Nothing,
    OtherMethods,
}

pub(super) struct Truncation {
    pub(super) tokens: TokenStream,
    /// The last tokens of the text, to identify the truncation in messages.
    pub(super) last_tokens: String,
    /// The functions that must be in the expansion: those of complete methods.
    pub(super) whole: Vec<String>,
}

/// All truncations of a text.
pub(super) fn all(subject: &Subject, rest: Rest) -> Vec<Truncation> {
    let Some((_, braces)) = subject.braces() else {
        let none = |_| Vec::new();
        return match rest {
            Rest::Nothing => of(&subject.item, |tokens| tokens, none),
            Rest::OtherMethods => Vec::new(),
        };
    };
    let block: ItemImpl = syn::parse2(subject.item.clone()).expect("a block");
    match rest {
        Rest::Nothing => of(
            &subject.item,
            |tokens| tokens,
            |place| {
                let mut whole = Vec::new();
                let mut end = size(&subject.item) - size(&braces.stream());
                for item in &block.items {
                    end += size(&item.to_token_stream());
                    if end <= place {
                        functions(item, &mut whole);
                    }
                }
                whole
            },
        ),
        Rest::OtherMethods => (0..block.items.len()).flat_map(|index| in_the_middle(&block, index)).collect(),
    }
}

/// One method truncated, with all others in their places.
fn in_the_middle(block: &ItemImpl, index: usize) -> Vec<Truncation> {
    let mut whole = Vec::new();
    for (other, item) in block.items.iter().enumerate() {
        if other != index {
            functions(item, &mut whole);
        }
    }
    let with = |tokens: TokenStream| {
        let mut block = block.clone();
        block.items[index] = ImplItem::Verbatim(tokens);
        block.into_token_stream()
    };
    of(&block.items[index].to_token_stream(), with, |_| whole.clone())
}

/// The functions that a method is expanded to.
fn functions(item: &ImplItem, names: &mut Vec<String>) {
    let ImplItem::Fn(ImplItemFn { attrs, sig, .. }) = item else { return };
    names.push(sig.ident.to_string());
    if attrs.iter().any(|attr| AttrKind::of(attr.path()) == Some(AttrKind::Blocking)) {
        names.push(format!("blocking_{}", sig.ident));
    }
}

fn of(
    tokens: &TokenStream,
    with: impl Fn(TokenStream) -> TokenStream,
    whole: impl Fn(usize) -> Vec<String>,
) -> Vec<Truncation> {
    (1..size(tokens))
        .map(|place| {
            let mut left = place;
            let mut last = Vec::new();
            let tokens = with(up_to(tokens, &mut left, &mut last));
            let last_tokens = last[last.len().saturating_sub(8)..].join(" ");
            Truncation { tokens, last_tokens, whole: whole(place) }
        })
        .collect()
}

/// The number of tokens, depth first. The opening of a group counts as one.
fn size(tokens: &TokenStream) -> usize {
    units(tokens).iter().map(|unit| size_of(unit)).sum()
}

fn size_of(unit: &[TokenTree]) -> usize {
    match unit {
        [TokenTree::Group(group)] => 1 + size(&group.stream()),
        _ => 1,
    }
}

fn up_to(tokens: &TokenStream, left: &mut usize, last: &mut Vec<String>) -> TokenStream {
    let mut kept = TokenStream::new();
    for unit in units(tokens) {
        if *left == 0 {
            break;
        }
        *left -= 1;
        match unit.as_slice() {
            [TokenTree::Group(group)] => {
                last.push(opening(group.delimiter()).to_owned());
                let mut inner = Group::new(group.delimiter(), up_to(&group.stream(), left, last));
                inner.set_span(group.span());
                kept.extend([TokenTree::Group(inner)]);
            }
            _ => {
                last.push(unit.iter().map(ToString::to_string).collect());
                kept.extend(unit);
            }
        }
    }
    kept
}

fn opening(delimiter: Delimiter) -> &'static str {
    match delimiter {
        Delimiter::Parenthesis => "(",
        Delimiter::Brace => "{",
        Delimiter::Bracket => "[",
        Delimiter::None => "",
    }
}

/// Tokens that are typed at once. A doc comment is several tokens, and is truncated only at its
/// end.
fn units(tokens: &TokenStream) -> Vec<Vec<TokenTree>> {
    let mut units: Vec<Vec<TokenTree>> = Vec::new();
    for tree in tokens.clone() {
        match (&tree, units.last_mut()) {
            (TokenTree::Group(group), Some(hash)) if is_doc(hash, group) => hash.push(tree),
            _ => units.push(vec![tree]),
        }
    }
    units
}

fn is_doc(hash: &[TokenTree], group: &Group) -> bool {
    let first = group.stream().into_iter().next();
    matches!(hash, [TokenTree::Punct(punct)] if punct.as_char() == '#')
        && matches!(first, Some(TokenTree::Ident(doc)) if doc == "doc")
}
