//! `#[on(..)]`.

use super::{Function, Outcome, Param, StateEnum, roles::Hand};
use crate::parse::{Event, Keyed, OnOptions};
use proc_macro2::Ident;
use quote::ToTokens;
use syn::Type;

/// A hook in the life of the service or of a connection.
pub(crate) struct Hook {
    /// None if the brackets are empty or mistaken.
    pub(crate) event: Option<Event>,
    pub(crate) event_key: Option<Ident>,
    /// A second event in the same brackets.
    pub(crate) second: Option<Ident>,
    /// The brackets were reported already.
    pub(crate) mistaken: bool,
    /// `&T`: connect, disconnect and error.
    pub(crate) peer: Option<Param>,
    /// `&mut T` in error, owned in disconnect.
    pub(crate) conn: Option<Param>,
    /// `&mut T` in start.
    pub(crate) cleanup: Option<Param>,
    /// The reason of disconnect, the error of error.
    pub(crate) last: Option<Param>,
    /// The last state, in disconnect.
    pub(crate) state: Option<Param>,
    /// Parameters without a place.
    pub(crate) strays: Vec<Param>,
    pub(crate) outcome: Outcome,
}

impl Hook {
    pub(super) fn new(options: OnOptions, function: &Function, states: Option<&StateEnum>) -> Self {
        let OnOptions { events, mistaken, state: _ } = options;
        let mut events = events.into_iter();
        let (event_key, event) = match events.next() {
            Some(Keyed { key, value }) => (Some(key), Some(value)),
            None => (None, None),
        };
        let mut hand = Hand::new(&function.params);
        let (mut peer, mut conn, mut cleanup, mut last, mut state) = (None, None, None, None, None);
        match event {
            Some(Event::Start) => cleanup = hand.exclusive(),
            Some(Event::Connect) => peer = hand.shared(),
            Some(Event::Error) => {
                last = hand.last_owned();
                peer = hand.shared();
                conn = hand.exclusive();
            }
            Some(Event::Disconnect) => {
                let is_state = |ty: &Type| states.is_some_and(|states| states.is_option(ty));
                state = hand.last_owned_of(is_state);
                if state.is_none() {
                    last = hand.last_owned();
                    state = hand.last_owned_of(is_state);
                }
                conn = hand.last_owned();
                peer = hand.shared();
            }
            Some(Event::Stop | Event::Timeout) | None => {}
        }
        Hook {
            event,
            event_key,
            second: events.next().map(|keyed| keyed.key),
            mistaken,
            peer,
            conn,
            cleanup,
            last,
            state,
            strays: hand.strays(),
            outcome: Outcome::of(function.output()),
        }
    }

    /// Of a value that `#[on(connect)]` makes: what is taken for the reason is that, where its type says so.
    pub(super) fn takes_only(&mut self, made: &[String]) {
        let is_made = |param: &&mut Param| made.contains(&param.written.ty.to_token_stream().to_string());
        if self.conn.is_none() && self.state.is_none() && self.last.as_mut().filter(is_made).is_some() {
            self.conn = self.last.take();
        }
    }

    /// The type of the connection's value that `#[on(connect)]` makes, as it is spelt.
    pub(super) fn makes(&self, states: Option<&StateEnum>) -> Option<String> {
        let made = match self.outcome.ok()? {
            Type::Tuple(pair)
                if pair.elems.len() == 2 && states.is_some_and(|states| states.is(&pair.elems[1])) =>
            {
                &pair.elems[0]
            }
            ty => ty,
        };
        (self.event == Some(Event::Connect)).then(|| made.to_token_stream().to_string())
    }
}
