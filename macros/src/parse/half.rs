//! A function that is half written: what can be read of it, and all of it as it stands.
//!
//! Compilers and editors go on behind a mistake in syntax, and call us with what they have. They
//! have said already what is wrong, so we don't.

use super::{
    ends::{ends_as_an_item, is_cut_short, punct},
    function::{Bare, Function},
    marks::{self, Mark, MarkKind},
};
use crate::{names::Word, report::Sink};
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
pub(crate) struct Half {
    /// Up to `fn`; or everything, if there is no name.
    pub(crate) front: TokenStream,
    pub(crate) name: Option<Ident>,
    pub(crate) rest: TokenStream,
    /// It has been said what is wrong: by the compiler, of what can't be Rust, or by us. Otherwise
    /// it may be Rust that only the compiler can read.
    pub(crate) is_reported: bool,
}

/// What is read of the tokens behind the name.
struct Outline {
    generics: Generics,
    inputs: Punctuated<FnArg, Token![,]>,
    output: ReturnType,
    body: Option<Group>,
    has_inputs: bool,
    /// A parameter has no type.
    is_untyped: bool,
}

/// The tokens of a function, and where they come apart.
struct Parts {
    attrs: Vec<Attribute>,
    /// Attributes that can't be read.
    unread: TokenStream,
    /// One of them is nothing but its brackets, or not even that.
    has_empty_attr: bool,
    /// Up to `fn`.
    ahead: TokenStream,
    name: Option<Ident>,
    rest: TokenStream,
}

impl Function {
    /// Half a method of a block; nothing, if it is not even that.
    pub(super) fn half(tokens: TokenStream, sink: &Sink) -> Option<Self> {
        let mut parts = Parts::of(tokens.clone());
        let is_marked = parts.attrs.iter().any(|attr| Word::of(attr.path()).is_some());
        let outline = outline(parts.rest.clone());
        let is_cut_short = match parts.name {
            Some(_) => parts.are_cut_short(&outline),
            None if is_marked && !ends_as_an_item(&tokens) => true,
            None => return None,
        };
        let sink = match syn::parse2::<Bare>(tokens) {
            _ if is_cut_short => sink.muted_child(),
            Err(error) if is_marked => {
                let name = parts.name.as_ref().map(Ident::to_string).unwrap_or_default();
                let message = match outline.body {
                    None => format!("`{name}` has no body: write one in braces, in place of the semicolon"),
                    Some(_) => format!("`{name}` can't be parsed: {error}"),
                };
                sink.push(syn::Error::new(error.span(), message));
                sink.muted_child()
            }
            _ => sink.child(),
        };
        let marks = marks::take(&mut parts.attrs, &sink);
        let ident = parts.name.clone().or_else(|| nameless(&marks))?;
        let sig = outline.signature(ident, &parts.ahead);
        let body = outline.body.unwrap_or_else(|| Group::new(Delimiter::Brace, TokenStream::new()));
        let vis = visibility(&parts.ahead);
        let Parts { attrs, unread, ahead, name, rest, .. } = parts;
        let front = quote!(#unread #(#attrs)* #ahead);
        let half = Some(Half { front, name, rest, is_reported: is_cut_short || is_marked });
        Some(Function { attrs, marks, vis, sig, body, half, sink })
    }

    /// Half a function under `#[blocking]`.
    pub(super) fn half_blocking(tokens: TokenStream, sink: &Sink) -> Option<Self> {
        let function = Function::half(tokens, sink)?;
        let half = function.half.as_ref()?;
        (half.name.is_some() && half.is_reported).then_some(function)
    }
}

impl Parts {
    fn of(tokens: TokenStream) -> Self {
        let (attrs, unread, trees) = attributes(tokens);
        let (ahead, name, rest) = split(trees);
        let is_empty = |attr: &TokenStream| {
            attr.clone().into_iter().all(|tree| match tree {
                TokenTree::Group(group) => group.stream().is_empty(),
                _ => true,
            })
        };
        let has_empty_attr = unread.iter().any(is_empty);
        let unread = unread.into_iter().collect();
        Parts { attrs, unread, has_empty_attr, ahead, name, rest }
    }

    fn are_cut_short(&self, outline: &Outline) -> bool {
        let has_no_end = outline.body.is_none() && !ends_as_an_item(&self.rest);
        let head_is_cut_short = is_cut_short(&head(&self.ahead)) || is_cut_short(&head(&self.rest));
        self.has_empty_attr || !outline.has_inputs || outline.is_untyped || has_no_end || head_is_cut_short
    }
}

impl Outline {
    fn signature(&self, ident: Ident, ahead: &TokenStream) -> Signature {
        let place = ident.span();
        Signature {
            constness: None,
            asyncness: asyncness(ahead),
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
fn nameless(marks: &[Mark]) -> Option<Ident> {
    let mark = marks.first()?;
    matches!(mark.kind, MarkKind::Request(_) | MarkKind::Session(_)).then(|| mark.name.clone())
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
    let ahead = trees.by_ref().take(index + 1).collect();
    match trees.next() {
        Some(TokenTree::Ident(name)) => (ahead, Some(name), trees.collect()),
        other => (ahead, None, other.into_iter().chain(trees).collect()),
    }
}

fn asyncness(ahead: &TokenStream) -> Option<Token![async]> {
    ahead.clone().into_iter().find_map(|tree| match tree {
        TokenTree::Ident(ident) if ident == "async" => Some(Token![async](ident.span())),
        _ => None,
    })
}

fn visibility(ahead: &TokenStream) -> Visibility {
    let read = |input: ParseStream<'_>| {
        let vis = input.parse()?;
        input.parse::<TokenStream>()?;
        Ok(vis)
    };
    read.parse2(ahead.clone()).unwrap_or(Visibility::Inherited)
}

/// Everything but the body.
fn head(tokens: &TokenStream) -> TokenStream {
    let is_body =
        |tree: &TokenTree| matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
    tokens.clone().into_iter().filter(|tree| !is_body(tree)).collect()
}

fn outline(rest: TokenStream) -> Outline {
    let mut outline = Outline {
        generics: Generics::default(),
        inputs: Punctuated::new(),
        output: ReturnType::Default,
        body: None,
        has_inputs: false,
        is_untyped: false,
    };
    let read = |input: ParseStream<'_>| {
        let ahead = input.fork();
        if let Ok(generics) = ahead.parse() {
            input.advance_to(&ahead);
            outline.generics = generics;
        }
        while !input.is_empty() && !input.peek(token::Paren) {
            body(input.parse()?, &mut outline.body);
        }
        if !input.is_empty() {
            let group: Group = input.parse()?;
            outline.has_inputs = true;
            let read = |input: ParseStream<'_>| inputs(input, &mut outline.is_untyped);
            outline.inputs = read.parse2(group.stream())?;
        }
        let ahead = input.fork();
        if let Ok(output) = ahead.parse() {
            input.advance_to(&ahead);
            outline.output = output;
        }
        while !input.is_empty() {
            body(input.parse()?, &mut outline.body);
        }
        Ok(())
    };
    // What could not be read is not in the outline.
    let _ = read.parse2(rest);
    outline
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
        let ahead = input.fork();
        match ahead.parse::<FnArg>() {
            Ok(arg) if ahead.is_empty() || ahead.peek(Token![,]) => {
                input.advance_to(&ahead);
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
