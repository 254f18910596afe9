//! The options of each attribute, and of `#[service(state(..))]`.

use super::{
    options::{self, KeyValue, Options, Value},
    values::{DurationArg, HalfClose, batch, duration_arg, half_close},
};
use crate::{attributes::AttrKind, report::ErrorSink};
use proc_macro2::TokenStream;
use syn::{
    Expr, Ident, LitInt, LitStr, Path, Token, Type, Visibility,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
};

#[derive(Default)]
pub(crate) struct ServiceOptions {
    pub(crate) krate: Option<KeyValue<Path>>,
    pub(crate) request: Option<KeyValue<Type>>,
    pub(crate) response: Option<KeyValue<Type>>,
    pub(crate) state: Option<KeyValue<TokenStream>>,
    pub(crate) rpc: Option<KeyValue<TokenStream>>,
    /// The trait of `rpc = path`.
    pub(crate) rpc_trait: Option<KeyValue<Path>>,
    pub(crate) max_in_flight: Option<KeyValue<Expr>>,
}

impl ServiceOptions {
    /// The options in `state(..)`.
    pub(crate) fn state_enum(&self, sink: &ErrorSink) -> StateEnumOptions {
        self.state.as_ref().map(|keyed| options::parse(keyed.value.clone(), sink)).unwrap_or_default()
    }

    /// The options in `rpc(..)`.
    pub(crate) fn rpc_types(&self, sink: &ErrorSink) -> RpcTypesOptions {
        self.rpc.as_ref().map(|keyed| options::parse(keyed.value.clone(), sink)).unwrap_or_default()
    }
}

#[derive(Default)]
pub(crate) struct BlockingOptions {
    pub(crate) pool: Option<KeyValue<Expr>>,
    pub(crate) deadline: Option<KeyValue<DurationArg>>,
    pub(crate) start_deadline: Option<KeyValue<DurationArg>>,
    pub(crate) lane: Option<KeyValue<Expr>>,
    pub(crate) detached: Option<Ident>,
    pub(crate) nested: Option<Ident>,
    pub(crate) flat: Option<Ident>,
    pub(crate) krate: Option<KeyValue<Path>>,
}

#[derive(Default)]
pub(crate) struct RequestOptions {
    pub(crate) send_result: Option<Ident>,
    pub(crate) batch: Option<KeyValue<Expr>>,
    pub(crate) half_close: Option<KeyValue<HalfClose>>,
}

#[derive(Default)]
pub(crate) struct SessionOptions {
    pub(crate) half_close: Option<KeyValue<HalfClose>>,
}

/// `#[on(..)]` has one event. A second one is kept, so that `check` can report it.
#[derive(Default)]
pub(crate) struct OnOptions {
    pub(crate) events: Vec<KeyValue<HookEvent>>,
    /// The state of `timeout = state`.
    pub(crate) state: Option<Ident>,
    /// Whether an error in the options is reported, so that "needs an event" would be a second one.
    pub(crate) is_invalid: bool,
}

#[derive(Default)]
pub(crate) struct StateOptions {
    pub(crate) start: Option<Ident>,
    pub(crate) events_only: Option<Ident>,
    pub(crate) idle: Option<KeyValue<DurationArg>>,
    pub(crate) events_restart_idle: Option<Ident>,
    pub(crate) max_duration: Option<KeyValue<DurationArg>>,
    pub(crate) half_close: Option<KeyValue<HalfClose>>,
}

/// The names of the states in `#[event(state, ..)]`.
#[derive(Default)]
pub(crate) struct EventOptions {
    pub(crate) states: Vec<Ident>,
    /// Whether an error in the options is reported, so that "names no state" would be a second one.
    pub(crate) is_invalid: bool,
}

/// The options of the enum of the states.
#[derive(Default)]
pub(crate) struct StateEnumOptions {
    pub(crate) vis: Option<KeyValue<Visibility>>,
    pub(crate) name: Option<KeyValue<Ident>>,
    pub(crate) derive: Option<Vec<Path>>,
}

#[derive(Default)]
pub(crate) struct RpcOptions {
    pub(crate) name: Option<KeyValue<LitStr>>,
    pub(crate) number: Option<KeyValue<u32>>,
}

/// The options of the types that are generated for the `#[rpc]` methods.
#[derive(Default)]
pub(crate) struct RpcTypesOptions {
    pub(crate) vis: Option<KeyValue<Visibility>>,
    pub(crate) name: Option<KeyValue<Ident>>,
    pub(crate) derive: Option<Vec<Path>>,
    pub(crate) half_close: Option<KeyValue<HalfClose>>,
}

/// The options of `#[rpc]` on a trait.
#[derive(Default)]
pub(crate) struct RpcTraitOptions {
    pub(crate) krate: Option<KeyValue<Path>>,
    pub(crate) derive: Option<Vec<Path>>,
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

impl Options for ServiceOptions {
    const KIND: AttrKind = AttrKind::Service;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "crate" => value.of(&mut self.krate, key),
            "request" => value.of(&mut self.request, key),
            "response" => value.of(&mut self.response, key),
            "state" => value.brackets(&mut self.state, key),
            "rpc" if value.is_assigned() => value.of(&mut self.rpc_trait, key),
            "rpc" => value.brackets(&mut self.rpc, key),
            "max_in_flight" => value.of(&mut self.max_in_flight, key),
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
            "start_deadline" => value.read(&mut self.start_deadline, key, duration_arg),
            "lane" => value.of(&mut self.lane, key),
            "detached" => value.flag(&mut self.detached, key),
            "nested" => value.flag(&mut self.nested, key),
            "flat" => value.flag(&mut self.flat, key),
            "crate" => value.of(&mut self.krate, key),
            _ => Err(value.malformed(&key)),
        }
    }
}

impl Options for RequestOptions {
    const KIND: AttrKind = AttrKind::Request;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "send_result" => value.flag(&mut self.send_result, key),
            "batch" => value.read(&mut self.batch, key, batch),
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

impl Options for StateOptions {
    const KIND: AttrKind = AttrKind::State;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "start" => value.flag(&mut self.start, key),
            "events_only" => value.flag(&mut self.events_only, key),
            "idle" => value.read(&mut self.idle, key, duration_arg),
            "events_restart_idle" => value.flag(&mut self.events_restart_idle, key),
            "max_duration" => value.read(&mut self.max_duration, key, duration_arg),
            "half_close" => value.read(&mut self.half_close, key, half_close),
            _ => Err(value.malformed(&key)),
        }
    }
}

impl EventOptions {
    pub(super) fn parse(tokens: TokenStream, sink: &ErrorSink) -> Self {
        let list = |input: ParseStream<'_>| Punctuated::<Ident, Token![,]>::parse_terminated(input);
        match list.parse2(tokens) {
            Ok(states) => EventOptions { states: states.into_iter().collect(), is_invalid: false },
            Err(error) => {
                let message = "`#[event(..)]` lists states by the names of their handlers: write `#[event(room, lobby)]`";
                sink.push(syn::Error::new(error.span(), message));
                EventOptions { states: Vec::new(), is_invalid: true }
            }
        }
    }
}

impl Options for StateEnumOptions {
    const KIND: AttrKind = AttrKind::StateEnum;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "vis" => value.read(&mut self.vis, key.clone(), |vis| match vis {
                Visibility::Inherited => Err(value.malformed(&key)),
                vis => Ok(vis),
            }),
            "name" => value.of(&mut self.name, key),
            "derive" => derive(&mut self.derive, key, value),
            _ => Err(value.malformed(&key)),
        }
    }
}

/// `derive(Debug, PartialEq)`
fn derive(slot: &mut Option<Vec<Path>>, key: Ident, value: &Value<'_>) -> syn::Result<()> {
    let mut brackets = slot.is_some().then(|| KeyValue { key: key.clone(), value: TokenStream::new() });
    value.brackets(&mut brackets, key.clone())?;
    let tokens = brackets.map(|keyed| keyed.value).unwrap_or_default();
    let paths = Punctuated::<Path, Token![,]>::parse_terminated.parse2(tokens);
    *slot = Some(paths.map_err(|_| value.malformed(&key))?.into_iter().collect());
    Ok(())
}

impl Options for RpcOptions {
    const KIND: AttrKind = AttrKind::Rpc;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "name" => value.of(&mut self.name, key),
            "number" => value.read(&mut self.number, key, |number: LitInt| {
                number.base10_parse().map_err(|_| {
                    syn::Error::new(number.span(), "`number` must be an integer from 0 to 4294967295")
                })
            }),
            _ => Err(value.malformed(&key)),
        }
    }
}

impl Options for RpcTypesOptions {
    const KIND: AttrKind = AttrKind::RpcTypes;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "vis" => value.read(&mut self.vis, key.clone(), |vis| match vis {
                Visibility::Inherited => Err(value.malformed(&key)),
                vis => Ok(vis),
            }),
            "name" => value.of(&mut self.name, key),
            "derive" => derive(&mut self.derive, key, value),
            "half_close" => value.read(&mut self.half_close, key, half_close),
            _ => Err(value.malformed(&key)),
        }
    }
}

impl Options for RpcTraitOptions {
    const KIND: AttrKind = AttrKind::RpcTrait;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "crate" => value.of(&mut self.krate, key),
            "derive" => derive(&mut self.derive, key, value),
            _ => Err(value.malformed(&key)),
        }
    }
}
