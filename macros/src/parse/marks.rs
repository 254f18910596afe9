//! Our attributes on a function, taken off it.

use super::{
    cases, duration,
    options::{self, Keyed, Options, Value},
    states::{EventOptions, StateEnumOptions, StateOptions},
};
use crate::{names::Word, report::Sink};
use proc_macro2::TokenStream;
use std::time::Duration;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, Path, Type};

/// One of our attributes.
pub(crate) struct Mark {
    /// Its name as written: what messages about the whole attribute point at.
    pub(crate) name: Ident,
    /// Its path, if that may lead to something else of the same name.
    pub(crate) path: Option<Path>,
    pub(crate) kind: MarkKind,
}

pub(crate) enum MarkKind {
    Blocking(Box<BlockingOptions>),
    Request(RequestOptions),
    Session(SessionOptions),
    On(OnOptions),
    State(StateOptions),
    Event(EventOptions),
    Before,
    After,
    /// `#[service]` on a method: there is nothing to do but to say so.
    Unusable,
}

#[derive(Default)]
pub(crate) struct ServiceOptions {
    pub(crate) krate: Option<Keyed<Path>>,
    pub(crate) request: Option<Keyed<Type>>,
    pub(crate) response: Option<Keyed<Type>>,
    pub(crate) state: Option<Keyed<TokenStream>>,
}

impl ServiceOptions {
    /// What `state(..)` says of the enum.
    pub(crate) fn state_enum(&self, sink: &Sink) -> StateEnumOptions {
        self.state.as_ref().map(|keyed| options::parse(keyed.value.clone(), sink)).unwrap_or_default()
    }
}

#[derive(Default)]
pub(crate) struct BlockingOptions {
    pub(crate) pool: Option<Keyed<Expr>>,
    pub(crate) deadline: Option<Keyed<Limit>>,
    pub(crate) lane: Option<Keyed<Expr>>,
    pub(crate) detached: Option<Ident>,
    pub(crate) nested: Option<Ident>,
    pub(crate) flat: Option<Ident>,
    pub(crate) krate: Option<Keyed<Path>>,
}

#[derive(Default)]
pub(crate) struct RequestOptions {
    pub(crate) send_result: Option<Ident>,
    pub(crate) half_close: Option<Keyed<HalfClose>>,
}

#[derive(Default)]
pub(crate) struct SessionOptions {
    pub(crate) half_close: Option<Keyed<HalfClose>>,
}

/// `#[on(..)]` names one event; a second one is kept to be reported.
#[derive(Default)]
pub(crate) struct OnOptions {
    pub(crate) events: Vec<Keyed<Event>>,
    /// The state of `timeout = state`.
    pub(crate) state: Option<Ident>,
    /// Something in the brackets was reported already: "needs an event" would be a second error.
    pub(crate) mistaken: bool,
}

/// A time limit: a literal is read here, any other expression by the compiler.
#[derive(Clone)]
pub(crate) enum Limit {
    Literal(Duration),
    Expr(Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HalfClose {
    Cancel,
    Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Start,
    Connect,
    Error,
    Disconnect,
    Stop,
    Timeout,
}

/// Takes our attributes out of `attrs`.
pub(crate) fn take(attrs: &mut Vec<Attribute>, sink: &Sink) -> Vec<Mark> {
    let mut marks = Vec::new();
    attrs.retain(|attr| {
        let word = Word::of(attr.path());
        let hidden = hidden(attr);
        marks.extend(word.and_then(|word| read(attr, word, sink)));
        if let Some(name) = &hidden {
            let message = format!(
                "the attributes of this method depend on more `cfg`s than `#[service]` makes cases of: write the method twice, \
                 with `#[{name}]` under `#[cfg(..)]` and without it under `#[cfg(not(..))]`"
            );
            sink.error(name, message);
            marks.push(Mark { name: name.clone(), path: None, kind: MarkKind::Unusable });
        }
        word.is_none() && hidden.is_none()
    });
    marks
}

/// `request` of `#[cfg_attr(test, request)]`, where it was not made a case of its own.
fn hidden(attr: &Attribute) -> Option<Ident> {
    let meta = cases::said(attr).filter(|_| attr.path().is_ident("cfg_attr"))?;
    let ours = Word::of(meta.path()).is_some();
    meta.path().segments.last().map(|last| last.ident.clone()).filter(|_| ours)
}

fn read(attr: &Attribute, word: Word, sink: &Sink) -> Option<Mark> {
    let name = attr.path().segments.last()?.ident.clone();
    let tokens = options::of_attribute(attr, word, sink);
    let kind = kind(word, &name, tokens, sink);
    let path = (!Word::is_plain(attr.path())).then(|| attr.path().clone());
    Some(Mark { name, path, kind })
}

fn kind(word: Word, name: &Ident, tokens: TokenStream, sink: &Sink) -> MarkKind {
    match word {
        Word::Blocking => MarkKind::Blocking(Box::new(options::parse(tokens, sink))),
        Word::Request => MarkKind::Request(options::parse(tokens, sink)),
        Word::Session => MarkKind::Session(options::parse(tokens, sink)),
        Word::On => {
            let brackets = sink.child();
            let options: OnOptions = options::parse(tokens, &brackets);
            MarkKind::On(OnOptions { mistaken: !brackets.is_clean(), ..options })
        }
        Word::State => MarkKind::State(options::parse(tokens, sink)),
        Word::Event => MarkKind::Event(EventOptions::read(tokens, sink)),
        Word::Before => alone(MarkKind::Before, name, tokens, sink),
        Word::After => alone(MarkKind::After, name, tokens, sink),
        Word::Service | Word::StateEnum => {
            sink.error(
                name,
                format!("`#[{name}]` can be used only on an `impl` block: remove it from this method"),
            );
            MarkKind::Unusable
        }
    }
}

/// An attribute without options.
fn alone(kind: MarkKind, name: &Ident, tokens: TokenStream, sink: &Sink) -> MarkKind {
    if !tokens.is_empty() {
        sink.error(tokens, format!("`#[{name}]` takes no options: write `#[{name}]`"));
    }
    kind
}

impl Options for ServiceOptions {
    const WORD: Word = Word::Service;

    fn take(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "crate" => value.of(&mut self.krate, key),
            "request" => value.of(&mut self.request, key),
            "response" => value.of(&mut self.response, key),
            "state" => value.brackets(&mut self.state, key),
            _ => Err(value.malformed(&key)),
        }
    }
}

impl Options for BlockingOptions {
    const WORD: Word = Word::Blocking;

    fn take(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "pool" => value.of(&mut self.pool, key),
            "deadline" => value.read(&mut self.deadline, key, limit),
            "lane" => value.of(&mut self.lane, key),
            "detached" => value.flag(&mut self.detached, key),
            "nested" => value.flag(&mut self.nested, key),
            "flat" => value.flag(&mut self.flat, key),
            "crate" => value.of(&mut self.krate, key),
            _ => Err(value.malformed(&key)),
        }
    }
}

pub(super) fn limit(written: Expr) -> syn::Result<Limit> {
    let bare = bare(&written);
    let Expr::Lit(ExprLit { lit, .. }) = bare else { return Ok(Limit::Expr(Box::new(written))) };
    match lit {
        Lit::Str(text) => duration::parse(&text.value())
            .map(Limit::Literal)
            .map_err(|message| syn::Error::new(text.span(), message)),
        other => Err(syn::Error::new_spanned(
            other,
            "expected a duration with a unit, such as `\"2s\"`, or an expression of type `Duration`",
        )),
    }
}

/// What is in brackets, or in the invisible ones of `$limit:literal`, of which each `macro_rules`
/// on the way adds a pair.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => bare(&group.expr),
        Expr::Paren(paren) => bare(&paren.expr),
        other => other,
    }
}

impl Options for RequestOptions {
    const WORD: Word = Word::Request;

    fn take(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "send_result" => value.flag(&mut self.send_result, key),
            "half_close" => value.read(&mut self.half_close, key, half_close),
            _ => Err(value.malformed(&key)),
        }
    }
}

impl Options for SessionOptions {
    const WORD: Word = Word::Session;

    fn take(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "half_close" => value.read(&mut self.half_close, key, half_close),
            _ => Err(value.malformed(&key)),
        }
    }
}

impl Options for OnOptions {
    const WORD: Word = Word::On;

    fn take(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        let event = match key.to_string().as_str() {
            "start" => Event::Start,
            "connect" => Event::Connect,
            "error" => Event::Error,
            "disconnect" => Event::Disconnect,
            "stop" => Event::Stop,
            "timeout" => {
                let mut state = None;
                value.of(&mut state, key.clone())?;
                self.state = self.state.take().or(state.map(|keyed| keyed.value));
                self.events.push(Keyed { key, value: Event::Timeout });
                return Ok(());
            }
            _ => return Err(value.malformed(&key)),
        };
        value.flag(&mut None, key.clone())?;
        self.events.push(Keyed { key, value: event });
        Ok(())
    }
}

pub(super) fn half_close(word: Ident) -> syn::Result<HalfClose> {
    match word.to_string().as_str() {
        "cancel" => Ok(HalfClose::Cancel),
        "answer" => Ok(HalfClose::Answer),
        _ => Err(syn::Error::new(word.span(), "`half_close` must be `cancel` or `answer`")),
    }
}
