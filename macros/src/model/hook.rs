//! The model of `#[on(..)]` methods, except `#[on(timeout = ..)]`, which is a transition handler.

use super::{Function, Param, Placement, ReturnKind, StateEnum, function::peel, params::ParamMatcher};
use crate::parse::{HookEvent, KeyValue, OnOptions};
use proc_macro2::Ident;
use quote::ToTokens;
use syn::Type;

/// A hook in the life of the service or of a connection.
pub(crate) struct Hook {
    /// `None` if there is no valid option.
    pub(crate) event: Option<HookEvent>,
    pub(crate) event_key: Option<Ident>,
    /// A second event in the options.
    pub(crate) second: Option<Ident>,
    /// Whether an error in the options is reported.
    pub(crate) is_invalid: bool,
    /// `&T` of connect, disconnect and error.
    pub(crate) peer: Option<Param>,
    /// `&mut T` of error, by value in disconnect.
    pub(crate) conn: Option<Param>,
    /// `&mut T` of start.
    pub(crate) cleanup: Option<Param>,
    /// The reason of disconnect, the error of error.
    pub(crate) last: Option<Param>,
    /// The last state of disconnect.
    pub(crate) state: Option<Param>,
    /// The parameters of disconnect by value, if only their types tell which of the three they are.
    pub(crate) ends: Vec<Param>,
    /// Parameters without a role.
    pub(crate) unmatched: Vec<Param>,
    pub(crate) return_kind: ReturnKind,
}

impl Hook {
    /// Without a connection's value and states, a single parameter is the reason, whatever its type
    /// is called.
    pub(super) fn expect_reason(&mut self) {
        if self.event == Some(HookEvent::Disconnect) && self.ends.len() == 1 {
            self.last = self.ends.pop();
        }
    }

    /// If the connection's value may be a `Reason` of the user's, the name of a single parameter's
    /// type decides nothing.
    pub(super) fn doubt_reason(&mut self) {
        if let (Some(HookEvent::Disconnect), None, None, true) =
            (self.event, &self.conn, &self.state, self.ends.is_empty())
        {
            self.ends.extend(self.last.take());
        }
    }

    pub(super) fn new(options: OnOptions, function: &Function, placement: &Placement) -> Self {
        let OnOptions { events, is_invalid, state: _ } = options;
        let mut events = events.into_iter();
        let (event_key, event) = match events.next() {
            Some(KeyValue { key, value }) => (Some(key), Some(value)),
            None => (None, None),
        };
        let mut hand = ParamMatcher::new(&function.params);
        let (mut peer, mut conn, mut cleanup, mut last, mut state) = (None, None, None, None, None);
        let mut owned = Vec::new();
        match event {
            Some(HookEvent::Start) => cleanup = hand.exclusive(),
            Some(HookEvent::Connect) => peer = hand.shared(),
            Some(HookEvent::Error) => {
                last = hand.last_owned();
                peer = hand.shared();
                conn = hand.exclusive();
            }
            Some(HookEvent::Disconnect) => {
                peer = hand.shared();
                owned = hand.owned();
                (conn, state, last) = ends(&mut owned, placement);
            }
            Some(HookEvent::Stop | HookEvent::Timeout) | None => {}
        }
        Hook {
            event,
            event_key,
            second: events.next().map(|keyed| keyed.key),
            is_invalid,
            peer,
            conn,
            cleanup,
            last,
            state,
            ends: owned,
            unmatched: hand.unmatched(),
            return_kind: match event {
                Some(HookEvent::Connect) => ReturnKind::by_type(function.output(), placement.params()),
                _ => ReturnKind::of_hook(function.output(), placement.params()),
            },
        }
    }

    /// Makes a single parameter the connection's value if it has one of the types in `made`.
    pub(super) fn takes_only(&mut self, connect_output: &[String]) {
        let is_made =
            |param: &&mut Param| connect_output.contains(&param.written.ty.to_token_stream().to_string());
        if self.conn.is_none() && self.state.is_none() && self.last.as_mut().filter(is_made).is_some() {
            self.conn = self.last.take();
        }
        if self.ends.len() == 1 && self.ends.first_mut().filter(is_made).is_some() {
            self.conn = self.ends.pop();
        }
    }

    /// The tokens of the type of the connection's value that `#[on(connect)]` makes.
    pub(super) fn makes(&self, states: Option<&StateEnum>) -> Option<String> {
        let connect_output = match self.return_kind.ok()? {
            Type::Tuple(pair)
                if pair.elems.len() == 2 && states.is_some_and(|states| states.is(&pair.elems[1])) =>
            {
                &pair.elems[0]
            }
            ty => ty,
        };
        (self.event == Some(HookEvent::Connect)).then(|| connect_output.to_token_stream().to_string())
    }
}

/// The connection's value, the last state and the reason. Each may be missing, and they come in
/// this order. They are taken out of `owned` if number and names decide which is which.
fn ends(owned: &mut Vec<Param>, placement: &Placement) -> (Option<Param>, Option<Param>, Option<Param>) {
    // `hr::Reason` is another type.
    let is_reason = |param: &Param| match peel(&param.written.ty) {
        Type::Path(path) => {
            let names = &path.path.segments;
            let first = names.first().is_some_and(|first| first.ident == "portcullis");
            param.is_named("Reason") && (names.len() == 1 || first && names.len() == 2)
        }
        _ => false,
    };
    let is_state =
        |param: &Param| placement.states().is_some_and(|states| states.is_option(&param.written.ty));
    let has_states = placement.states().is_some();
    let resolved = match owned.as_slice() {
        [] => (None, None, None),
        [conn, state, reason] => (Some(conn), Some(state), Some(reason)),
        [state, reason] if is_state(state) && is_reason(reason) => (None, Some(state), Some(reason)),
        [conn, state] if is_state(state) => (Some(conn), Some(state), None),
        // Without states there is no last state.
        [conn, reason] if !has_states => (Some(conn), None, Some(reason)),
        [reason] if is_reason(reason) => (None, None, Some(reason)),
        [state] if is_state(state) => (None, Some(state), None),
        _ => return (None, None, None),
    };
    let resolved = (resolved.0.cloned(), resolved.1.cloned(), resolved.2.cloned());
    owned.clear();
    resolved
}
