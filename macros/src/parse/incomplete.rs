//! A function that is half written: what can be read of it, and all of it as it stands.
//!
//! Compilers and editors go on behind a mistake in syntax, and call us with what they have. They
//! have said already what is wrong, so we don't.

use super::{
    attrs::{self, Attr, AttrArgs},
    completeness::{is_terminated, is_truncated, punct},
    function::{Function, RawFn},
};
use crate::{attributes::AttrKind, report::ErrorSink};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{
    Attribute, FnArg, Generics, ReturnType, Safety, Signature, Token, Visibility,
    parse::{ParseStream, Parser, discouraged::Speculative},
    punctuated::Punctuated,
    token,
};

/// The tokens of half a function, our attributes left out.
#[derive(Clone)]
pub(crate) struct IncompleteFn {
    /// Up to `fn`; or everything, if there is no name.
    pub(crate) head: TokenStream,
    pub(crate) name: Option<Ident>,
    pub(crate) tail: TokenStream,
    /// It has been said what is wrong: by the compiler, of what can't be Rust, or by us. Otherwise
    /// it may be Rust that only the compiler can read.
    pub(crate) is_reported: bool,
}

/// What is read of the tokens behind the name.
struct PartialSignature {
    generics: Generics,
    inputs: Punctuated<FnArg, Token![,]>,
    output: ReturnType,
    body: Option<Group>,
    has_inputs: bool,
    /// A parameter has no type.
    is_untyped: bool,
}

/// The tokens of a function, and where they come apart.
struct FnTokens {
    attrs: Vec<Attribute>,
    /// Attributes that can't be read.
    unread: TokenStream,
    /// One of them is nothing but its brackets, or not even that.
    has_empty_attr: bool,
    /// Up to `fn`.
    qualifiers: TokenStream,
    name: Option<Ident>,
    tail: TokenStream,
}

impl Function {
    /// IncompleteFn a method of a block; nothing, if it is not even that.
    pub(super) fn incomplete(tokens: TokenStream, sink: &ErrorSink) -> Option<Self> {
        let mut parts = FnTokens::of(tokens.clone());
        let is_marked = parts.attrs.iter().any(|attr| AttrKind::of(attr.path()).is_some());
        let partial = partial_signature(parts.tail.clone());
        let is_truncated = match parts.name {
            Some(_) => parts.is_truncated(&partial),
            None if is_marked && !is_terminated(&tokens) => true,
            None => return None,
        };
        let sink = match syn::parse2::<RawFn>(tokens) {
            _ if is_truncated => sink.silenced_child(),
            Err(error) if is_marked => {
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
        let ident = parts.name.clone().or_else(|| nameless(&own_attrs))?;
        let sig = partial.signature(ident, &parts.qualifiers);
        let body = partial.body.unwrap_or_else(|| Group::new(Delimiter::Brace, TokenStream::new()));
        let vis = visibility(&parts.qualifiers);
        let FnTokens { attrs, unread, qualifiers, name, tail, .. } = parts;
        let head = quote!(#unread #(#attrs)* #qualifiers);
        let incomplete = Some(IncompleteFn { head, name, tail, is_reported: is_truncated || is_marked });
        Some(Function { attrs, own_attrs, vis, sig, body, incomplete, sink })
    }

    /// IncompleteFn a function under `#[blocking]`.
    pub(super) fn incomplete_blocking(tokens: TokenStream, sink: &ErrorSink) -> Option<Self> {
        let function = Function::incomplete(tokens, sink)?;
        let incomplete = function.incomplete.as_ref()?;
        (incomplete.name.is_some() && incomplete.is_reported).then_some(function)
    }
}

impl FnTokens {
    fn of(tokens: TokenStream) -> Self {
        let (attrs, unread, trees) = attributes(tokens);
        let (qualifiers, name, tail) = split(trees);
        let is_empty = |attr: &TokenStream| {
            attr.clone().into_iter().all(|tree| match tree {
                TokenTree::Group(group) => group.stream().is_empty(),
                _ => true,
            })
        };
        let has_empty_attr = unread.iter().any(is_empty);
        let unread = unread.into_iter().collect();
        FnTokens { attrs, unread, has_empty_attr, qualifiers, name, tail }
    }

    fn is_truncated(&self, partial: &PartialSignature) -> bool {
        let has_no_end = partial.body.is_none() && !is_terminated(&self.tail);
        let head_is_cut_short = is_truncated(&head(&self.qualifiers)) || is_truncated(&head(&self.tail));
        self.has_empty_attr || !partial.has_inputs || partial.is_untyped || has_no_end || head_is_cut_short
    }
}

impl PartialSignature {
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

/// Without a name, a handler is a handler all the same: it makes its block a service.
fn nameless(own_attrs: &[Attr]) -> Option<Ident> {
    let attr = own_attrs.first()?;
    matches!(attr.kind, AttrArgs::Request(_) | AttrArgs::Session(_)).then(|| attr.name.clone())
}

/// The attributes that can be read, those that can't, and what is behind them.
fn attributes(tokens: TokenStream) -> (Vec<Attribute>, Vec<TokenStream>, Vec<TokenTree>) {
    let (mut attrs, mut unread) = (Vec::new(), Vec::new());
    let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
    while matches!(trees.first(), Some(TokenTree::Punct(punct)) if punct.as_char() == '#') {
        let brackets = usize::from(matches!(trees.get(1), Some(TokenTree::Group(_))));
        let attr: TokenStream = trees.drain(..=brackets).collect();
        match Attribute::parse_outer.parse2(attr.clone()) {
            Ok(read) => attrs.extend(read),
            Err(_) => unread.push(attr),
        }
    }
    (attrs, unread, trees)
}

/// Up to `fn`, the name, and the rest.
fn split(trees: Vec<TokenTree>) -> (TokenStream, Option<Ident>, TokenStream) {
    let is_fn = |tree: &TokenTree| matches!(tree, TokenTree::Ident(ident) if ident == "fn");
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

/// Everything but the body.
fn head(tokens: &TokenStream) -> TokenStream {
    let is_body =
        |tree: &TokenTree| matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    tokens.clone().into_iter().filter(|tree| !is_body(tree)).collect()
}

fn partial_signature(tail: TokenStream) -> PartialSignature {
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
            body(input.parse()?, &mut partial.body);
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
            body(input.parse()?, &mut partial.body);
        }
        Ok(())
    };
    // What could not be read is not in the outline.
    let _ = read.parse2(tail);
    partial
}

fn body(tree: TokenTree, body: &mut Option<Group>) {
    *body = match tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    };
}

/// The parameters; one that can't be read is one of any type, so that calls have as many arguments.
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
                    typed |= punct(Some(&input.parse::<TokenTree>()?)) == Some(':');
                }
                *is_untyped |= !typed;
                inputs.push(syn::parse2(quote_spanned!(site=> _: impl ::core::marker::Sized))?);
            }
        }
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(inputs)
}
