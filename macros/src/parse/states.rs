//! The options of state machines: `#[state(..)]`, `#[event(..)]`, `#[service(state(..))]`.

use super::{
    attrs::{self, DurationArg, HalfClose},
    options::{KeyValue, Options, Value},
};
use crate::{attributes::AttrKind, report::ErrorSink};
use proc_macro2::TokenStream;
use syn::{
    Ident, Path, Token, Visibility,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
};

#[derive(Default)]
pub(crate) struct StateOptions {
    pub(crate) start: Option<Ident>,
    pub(crate) idle: Option<KeyValue<DurationArg>>,
    pub(crate) max_duration: Option<KeyValue<DurationArg>>,
    pub(crate) half_close: Option<KeyValue<HalfClose>>,
}

/// `#[event(state, ..)]` lists states, by name.
#[derive(Default)]
pub(crate) struct EventOptions {
    pub(crate) states: Vec<Ident>,
    /// The brackets were reported already: "names no state" would be a second error.
    pub(crate) is_invalid: bool,
}

/// How the enum of the states is to be.
#[derive(Default)]
pub(crate) struct StateEnumOptions {
    pub(crate) vis: Option<KeyValue<Visibility>>,
    pub(crate) name: Option<KeyValue<Ident>>,
    pub(crate) derive: Option<Vec<Path>>,
}

impl Options for StateOptions {
    const KIND: AttrKind = AttrKind::State;

    fn set(&mut self, key: Ident, value: &Value<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "start" => value.flag(&mut self.start, key),
            "idle" => value.read(&mut self.idle, key, attrs::duration_arg),
            "max_duration" => value.read(&mut self.max_duration, key, attrs::duration_arg),
            "half_close" => value.read(&mut self.half_close, key, attrs::half_close),
            _ => Err(value.malformed(&key)),
        }
    }
}

impl EventOptions {
    pub(super) fn read(tokens: TokenStream, sink: &ErrorSink) -> Self {
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
            "derive" => {
                let mut brackets =
                    self.derive.is_some().then(|| KeyValue { key: key.clone(), value: TokenStream::new() });
                value.brackets(&mut brackets, key.clone())?;
                let tokens = brackets.map(|keyed| keyed.value).unwrap_or_default();
                let paths = Punctuated::<Path, Token![,]>::parse_terminated.parse2(tokens);
                self.derive = Some(paths.map_err(|_| value.malformed(&key))?.into_iter().collect());
                Ok(())
            }
            _ => Err(value.malformed(&key)),
        }
    }
}
