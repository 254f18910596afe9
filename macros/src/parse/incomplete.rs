//! Functions that can't be parsed as a whole, mostly because they are being typed.
//!
//! Compilers and editors recover from a syntax error and call the macro with the tokens that they
//! have. As much as possible of the function is parsed, so that callers find it, and its tokens are
//! kept, so that editors can complete the names in it. If the tokens can't be Rust, the compiler
//! has reported that already.

use super::{
    attrs::{self, Attr, AttrArgs},
    completeness::{is_terminated, is_truncated},
    function::{Function, IncompleteFn, RawFn},
};
use crate::{
    attributes::AttrKind,
    report::ErrorSink,
    tokens::{is_ident, is_punct},
};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{
    Attribute, FnArg, Generics, ReturnType, Safety, Signature, Token, Visibility,
    parse::{ParseStream, Parser, discouraged::Speculative},
    punctuated::Punctuated,
    token,
};

/// The tokens of a function, taken apart at its name.
struct FnTokens {
    attrs: Vec<Attribute>,
    /// Attributes that can't be parsed.
    unparsed: TokenStream,
    /// Whether one of them has nothing in its brackets, or no brackets.
    has_empty_attr: bool,
    /// Up to `fn`.
    qualifiers: TokenStream,
    name: Option<Ident>,
    tail: TokenStream,
}

/// What is parsed of the tokens after the name.
struct PartialSignature {
    generics: Generics,
    inputs: Punctuated<FnArg, Token![,]>,
    output: ReturnType,
    body: Option<Group>,
    has_inputs: bool,
    /// Whether a parameter has no type.
    is_untyped: bool,
}

/// The function that these tokens are, or will be; `None` if there is neither a name nor one of our
/// attributes.
pub(super) fn parse_incomplete(tokens: TokenStream, sink: &ErrorSink) -> Option<Function> {
    let mut parts = FnTokens::of(tokens.clone());
    let has_own_attr = parts.attrs.iter().any(|attr| AttrKind::of(attr.path()).is_some());
    let partial = PartialSignature::parse(parts.tail.clone());
    let is_truncated = match parts.name {
        Some(_) => parts.is_truncated(&partial),
        None if has_own_attr && !is_terminated(&tokens) => true,
        None => return None,
    };
    let sink = match syn::parse2::<RawFn>(tokens) {
        _ if is_truncated => sink.silenced_child(),
        Err(error) if has_own_attr => {
            let name = parts.name.as_ref().map(Ident::to_string).unwrap_or_default();
            let message = match partial.body {
                None => format!("`{name}` has no body: write one in braces, in place of the semicolon"),
                Some(_) => format!("`{name}` can't be parsed: {error}"),
            };
            sink.push(syn::Error::new(error.span(), message));
            sink.silenced_child()
        }
        _ => sink.child(),
    };
    let own_attrs = attrs::extract(&mut parts.attrs, &sink);
    let ident = parts.name.clone().or_else(|| name_of_nameless(&own_attrs))?;
    let sig = partial.signature(ident, &parts.qualifiers);
    let body = partial.body.unwrap_or_else(|| Group::new(Delimiter::Brace, TokenStream::new()));
    let vis = visibility(&parts.qualifiers);
    let FnTokens { attrs, unparsed, qualifiers, name, tail, .. } = parts;
    let head = quote!(#unparsed #(#attrs)* #qualifiers);
    let incomplete = Some(IncompleteFn { head, name, tail, is_reported: is_truncated || has_own_attr });
    Some(Function { attrs, own_attrs, vis, sig, body, incomplete, sink })
}

impl FnTokens {
    fn of(tokens: TokenStream) -> Self {
        let (attrs, unparsed, trees) = attributes(tokens);
        let (qualifiers, name, tail) = split(trees);
        let is_empty = |attr: &TokenStream| {
            attr.clone().into_iter().all(|tree| match tree {
                TokenTree::Group(group) => group.stream().is_empty(),
                _ => true,
            })
        };
        let has_empty_attr = unparsed.iter().any(is_empty);
        let unparsed = unparsed.into_iter().collect();
        FnTokens { attrs, unparsed, has_empty_attr, qualifiers, name, tail }
    }

    /// Whether this can't be Rust, which the compiler has reported then.
    fn is_truncated(&self, partial: &PartialSignature) -> bool {
        let has_no_end = partial.body.is_none() && !is_terminated(&self.tail);
        let head_is_truncated =
            is_truncated(&without_body(&self.qualifiers)) || is_truncated(&without_body(&self.tail));
        self.has_empty_attr || !partial.has_inputs || partial.is_untyped || has_no_end || head_is_truncated
    }
}

impl PartialSignature {
    fn parse(tail: TokenStream) -> Self {
        let mut partial = PartialSignature {
            generics: Generics::default(),
            inputs: Punctuated::new(),
            output: ReturnType::Default,
            body: None,
            has_inputs: false,
            is_untyped: false,
        };
        let read = |input: ParseStream<'_>| {
            let fork = input.fork();
            if let Ok(generics) = fork.parse() {
                input.advance_to(&fork);
                partial.generics = generics;
            }
            while !input.is_empty() && !input.peek(token::Paren) {
                note_body(input.parse()?, &mut partial.body);
            }
            if !input.is_empty() {
                let group: Group = input.parse()?;
                partial.has_inputs = true;
                let read = |input: ParseStream<'_>| inputs(input, &mut partial.is_untyped);
                partial.inputs = read.parse2(group.stream())?;
            }
            let fork = input.fork();
            if let Ok(output) = fork.parse() {
                input.advance_to(&fork);
                partial.output = output;
            }
            while !input.is_empty() {
                note_body(input.parse()?, &mut partial.body);
            }
            Ok(())
        };
        // On an error, the fields have what was parsed before it.
        let _ = read.parse2(tail);
        partial
    }

    fn signature(&self, ident: Ident, qualifiers: &TokenStream) -> Signature {
        let place = ident.span();
        Signature {
            constness: None,
            asyncness: asyncness(qualifiers),
            safety: Safety::Default,
            abi: None,
            fn_token: Token![fn](place),
            ident,
            generics: self.generics.clone(),
            paren_token: token::Paren(place),
            inputs: self.inputs.clone(),
            variadic: None,
            output: self.output.clone(),
        }
    }
}

/// The name for a handler that has none yet. Its attribute already makes the block a service.
fn name_of_nameless(own_attrs: &[Attr]) -> Option<Ident> {
    let attr = own_attrs.first()?;
    matches!(attr.args, AttrArgs::Request(_) | AttrArgs::Session(_)).then(|| attr.name.clone())
}

/// The attributes that can be parsed, those that can't, and the tokens after them.
fn attributes(tokens: TokenStream) -> (Vec<Attribute>, Vec<TokenStream>, Vec<TokenTree>) {
    let (mut attrs, mut unparsed) = (Vec::new(), Vec::new());
    let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
    while is_punct(trees.first(), '#') {
        let brackets = usize::from(matches!(trees.get(1), Some(TokenTree::Group(_))));
        let attr: TokenStream = trees.drain(..=brackets).collect();
        match Attribute::parse_outer.parse2(attr.clone()) {
            Ok(read) => attrs.extend(read),
            Err(_) => unparsed.push(attr),
        }
    }
    (attrs, unparsed, trees)
}

/// The tokens up to `fn`, the name, and the tokens after it.
fn split(trees: Vec<TokenTree>) -> (TokenStream, Option<Ident>, TokenStream) {
    let is_fn = |tree: &TokenTree| is_ident(Some(tree), "fn");
    let named = trees.windows(2).position(|pair| is_fn(&pair[0]) && matches!(pair[1], TokenTree::Ident(_)));
    let Some(index) = named else { return (trees.into_iter().collect(), None, TokenStream::new()) };
    let mut trees = trees.into_iter();
    let qualifiers = trees.by_ref().take(index + 1).collect();
    match trees.next() {
        Some(TokenTree::Ident(name)) => (qualifiers, Some(name), trees.collect()),
        other => (qualifiers, None, other.into_iter().chain(trees).collect()),
    }
}

fn asyncness(qualifiers: &TokenStream) -> Option<Token![async]> {
    qualifiers.clone().into_iter().find_map(|tree| match tree {
        TokenTree::Ident(ident) if ident == "async" => Some(Token![async](ident.span())),
        _ => None,
    })
}

fn visibility(qualifiers: &TokenStream) -> Visibility {
    let read = |input: ParseStream<'_>| {
        let vis = input.parse()?;
        input.parse::<TokenStream>()?;
        Ok(vis)
    };
    read.parse2(qualifiers.clone()).unwrap_or(Visibility::Inherited)
}

/// The tokens without the body.
fn without_body(tokens: &TokenStream) -> TokenStream {
    let is_body =
        |tree: &TokenTree| matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    tokens.clone().into_iter().filter(|tree| !is_body(tree)).collect()
}

/// Keeps the last braces, if nothing comes after them.
fn note_body(tree: TokenTree, body: &mut Option<Group>) {
    *body = match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    };
}

/// The parameters. One that can't be parsed becomes one of any type, so that calls have the same
/// number of arguments.
fn inputs(input: ParseStream<'_>, is_untyped: &mut bool) -> syn::Result<Punctuated<FnArg, Token![,]>> {
    let mut inputs = Punctuated::new();
    while !input.is_empty() {
        let fork = input.fork();
        match fork.parse::<FnArg>() {
            Ok(arg) if fork.is_empty() || fork.peek(Token![,]) => {
                input.advance_to(&fork);
                inputs.push(arg);
            }
            _ => {
                let site = Span::mixed_site().located_at(input.span());
                let mut typed = false;
                while !input.is_empty() && !input.peek(Token![,]) {
                    typed |= is_punct(Some(&input.parse::<TokenTree>()?), ':');
                }
                *is_untyped |= !typed;
                inputs.push(syn::parse2(quote_spanned!(site=> _: impl ::core::marker::Sized))?);
            }
        }
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(inputs)
}
