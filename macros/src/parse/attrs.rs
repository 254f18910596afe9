//! Our attributes on a function, taken off it.

use super::{
    cfg, duration,
    options::{self, KeyValue, Options, Value},
    states::{EventOptions, StateEnumOptions, StateOptions},
};
use crate::{attributes::AttrKind, report::ErrorSink};
use proc_macro2::TokenStream;
use std::time::Duration;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, Path, Type};

/// One of our attributes.
pub(crate) struct Attr {
    /// Its name as written: what messages about the whole attribute point at.
    pub(crate) name: Ident,
    /// Its path, if that may lead to something else of the same name.
    pub(crate) path: Option<Path>,
    pub(crate) kind: AttrArgs,
}

pub(crate) enum AttrArgs {
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
    pub(crate) krate: Option<KeyValue<Path>>,
    pub(crate) request: Option<KeyValue<Type>>,
    pub(crate) response: Option<KeyValue<Type>>,
    pub(crate) state: Option<KeyValue<TokenStream>>,
}

impl ServiceOptions {
    /// What `state(..)` says of the enum.
    pub(crate) fn state_enum(&self, sink: &ErrorSink) -> StateEnumOptions {
        self.state.as_ref().map(|keyed| options::parse(keyed.value.clone(), sink)).unwrap_or_default()
    }
}

#[derive(Default)]
pub(crate) struct BlockingOptions {
    pub(crate) pool: Option<KeyValue<Expr>>,
    pub(crate) deadline: Option<KeyValue<DurationArg>>,
    pub(crate) lane: Option<KeyValue<Expr>>,
    pub(crate) detached: Option<Ident>,
    pub(crate) nested: Option<Ident>,
    pub(crate) flat: Option<Ident>,
    pub(crate) krate: Option<KeyValue<Path>>,
}

#[derive(Default)]
pub(crate) struct RequestOptions {
    pub(crate) send_result: Option<Ident>,
    pub(crate) half_close: Option<KeyValue<HalfClose>>,
}

#[derive(Default)]
pub(crate) struct SessionOptions {
    pub(crate) half_close: Option<KeyValue<HalfClose>>,
}

/// `#[on(..)]` names one event; a second one is kept to be reported.
#[derive(Default)]
pub(crate) struct OnOptions {
    pub(crate) events: Vec<KeyValue<HookEvent>>,
    /// The state of `timeout = state`.
    pub(crate) state: Option<Ident>,
    /// Something in the brackets was reported already: "needs an event" would be a second error.
    pub(crate) is_invalid: bool,
}

/// A time limit: a literal is read here, any other expression by the compiler.
#[derive(Clone)]
pub(crate) enum DurationArg {
    Literal(Duration),
    Expr(Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HalfClose {
    Cancel,
    Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HookEvent {
    Start,
    Connect,
    Error,
    Disconnect,
    Stop,
    Timeout,
}

/// Takes our attributes out of `attrs`.
pub(crate) fn extract(attrs: &mut Vec<Attribute>, sink: &ErrorSink) -> Vec<Attr> {
    let mut own_attrs = Vec::new();
    attrs.retain(|attr| {
        let word = AttrKind::of(attr.path());
        let under_cfg_attr = cfg_attr_target(attr);
        own_attrs.extend(word.and_then(|word| read(attr, word, sink)));
        if let Some(name) = &under_cfg_attr {
            let message = format!(
                "the attributes of this method depend on more `cfg`s than `#[service]` makes cases of: write the method twice, \
                 with `#[{name}]` under `#[cfg(..)]` and without it under `#[cfg(not(..))]`"
            );
            sink.error(name, message);
            own_attrs.push(Attr { name: name.clone(), path: None, kind: AttrArgs::Unusable });
        }
        word.is_none() && under_cfg_attr.is_none()
    });
    own_attrs
}

/// `request` of `#[cfg_attr(test, request)]`, where it was not made a case of its own.
fn cfg_attr_target(attr: &Attribute) -> Option<Ident> {
    let meta = cfg::inner_meta(attr).filter(|_| attr.path().is_ident("cfg_attr"))?;
    let ours = AttrKind::of(meta.path()).is_some();
    meta.path().segments.last().map(|last| last.ident.clone()).filter(|_| ours)
}

fn read(attr: &Attribute, word: AttrKind, sink: &ErrorSink) -> Option<Attr> {
    let name = attr.path().segments.last()?.ident.clone();
    let tokens = options::of_attribute(attr, word, sink);
    let kind = kind(word, &name, tokens, sink);
    let path = (!AttrKind::is_plain(attr.path())).then(|| attr.path().clone());
    Some(Attr { name, path, kind })
}

fn kind(word: AttrKind, name: &Ident, tokens: TokenStream, sink: &ErrorSink) -> AttrArgs {
    match word {
        AttrKind::Blocking => AttrArgs::Blocking(Box::new(options::parse(tokens, sink))),
        AttrKind::Request => AttrArgs::Request(options::parse(tokens, sink)),
        AttrKind::Session => AttrArgs::Session(options::parse(tokens, sink)),
        AttrKind::On => {
            let brackets = sink.child();
            let options: OnOptions = options::parse(tokens, &brackets);
            AttrArgs::On(OnOptions { is_invalid: brackets.has_errors(), ..options })
        }
        AttrKind::State => AttrArgs::State(options::parse(tokens, sink)),
        AttrKind::Event => AttrArgs::Event(EventOptions::read(tokens, sink)),
        AttrKind::Before => expect_no_options(AttrArgs::Before, name, tokens, sink),
        AttrKind::After => expect_no_options(AttrArgs::After, name, tokens, sink),
        AttrKind::Service | AttrKind::StateEnum => {
            sink.error(
                name,
                format!("`#[{name}]` can be used only on an `impl` block: remove it from this method"),
            );
            AttrArgs::Unusable
        }
    }
}

/// An attribute without options.
fn expect_no_options(kind: AttrArgs, name: &Ident, tokens: TokenStream, sink: &ErrorSink) -> AttrArgs {
    if !tokens.is_empty() {
        sink.error(tokens, format!("`#[{name}]` takes no options: write `#[{name}]`"));
    }
    kind
}

impl Options for ServiceOptions {
    const KIND: AttrKind = AttrKind::Service;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
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
    const KIND: AttrKind = AttrKind::Blocking;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "pool" => value.of(&mut self.pool, key),
            "deadline" => value.read(&mut self.deadline, key, duration_arg),
            "lane" => value.of(&mut self.lane, key),
            "detached" => value.flag(&mut self.detached, key),
            "nested" => value.flag(&mut self.nested, key),
            "flat" => value.flag(&mut self.flat, key),
            "crate" => value.of(&mut self.krate, key),
            _ => Err(value.malformed(&key)),
        }
    }
}

pub(super) fn duration_arg(written: Expr) -> syn::Result<DurationArg> {
    let literal = unwrap_groups(&written);
    let Expr::Lit(ExprLit { lit, .. }) = literal else { return Ok(DurationArg::Expr(Box::new(written))) };
    match lit {
        Lit::Str(text) => duration::parse(&text.value())
            .map(DurationArg::Literal)
            .map_err(|message| syn::Error::new(text.span(), message)),
        other => Err(syn::Error::new_spanned(
            other,
            "expected a duration with a unit, such as `\"2s\"`, or an expression of type `Duration`",
        )),
    }
}

/// What is in brackets, or in the invisible ones of `$limit:literal`, of which each `macro_rules`
/// on the way adds a pair.
fn unwrap_groups(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => unwrap_groups(&group.expr),
        Expr::Paren(paren) => unwrap_groups(&paren.expr),
        other => other,
    }
}

impl Options for RequestOptions {
    const KIND: AttrKind = AttrKind::Request;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "send_result" => value.flag(&mut self.send_result, key),
            "half_close" => value.read(&mut self.half_close, key, half_close),
            _ => Err(value.malformed(&key)),
        }
    }
}

impl Options for SessionOptions {
    const KIND: AttrKind = AttrKind::Session;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "half_close" => value.read(&mut self.half_close, key, half_close),
            _ => Err(value.malformed(&key)),
        }
    }
}

impl Options for OnOptions {
    const KIND: AttrKind = AttrKind::On;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        let event = match key.to_string().as_str() {
            "start" => HookEvent::Start,
            "connect" => HookEvent::Connect,
            "error" => HookEvent::Error,
            "disconnect" => HookEvent::Disconnect,
            "stop" => HookEvent::Stop,
            "timeout" => {
                let mut state = None;
                value.of(&mut state, key.clone())?;
                self.state = self.state.take().or(state.map(|keyed| keyed.value));
                self.events.push(KeyValue { key, value: HookEvent::Timeout });
                return Ok(());
            }
            _ => return Err(value.malformed(&key)),
        };
        value.flag(&mut None, key.clone())?;
        self.events.push(KeyValue { key, value: event });
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
