//! The model of state machines: the enum of the states, and the methods that lead from one state to
//! the next.

use super::{
    Function, Param, ReturnKind, Shape,
    function::{last_segment, peel},
    params::ParamMatcher,
};
use crate::parse::{
    DurationArg, EventOptions, HalfClose, KeyValue, OnOptions, StateEnumOptions, StateOptions,
};
use proc_macro2::Ident;
use syn::{GenericArgument, Path, PathArguments, Type, Visibility, ext::IdentExt};

/// The enum of a block's states.
pub(crate) struct StateEnum {
    pub(crate) ident: Ident,
    /// The visibility that is written; `pub` otherwise.
    pub(crate) vis: Option<Visibility>,
    pub(crate) derive: Vec<Path>,
}

/// A method that takes the data of a state and returns the next state.
pub(crate) struct TransitionHandler {
    pub(crate) trigger: Trigger,
    pub(crate) peer: Option<Param>,
    pub(crate) conn: Option<Param>,
    pub(crate) data: Vec<Param>,
    /// The request or the event.
    pub(crate) message: Option<Param>,
    /// Parameters without a role.
    pub(crate) unmatched: Vec<Param>,
    pub(crate) return_kind: ReturnKind,
    pub(crate) return_shape: ReturnShape,
}

/// What a transition handler is called for.
pub(crate) enum Trigger {
    /// `#[state]`: a request in the state that the method is named after, or an event with
    /// `events_only`.
    State(StateOptions),
    /// `#[event(..)]`: an event in one of these states.
    Event { states: Vec<Ident>, is_invalid: bool },
    /// `#[on(timeout = ..)]`: a timeout of this state.
    Timeout { state: Option<Ident>, second: Option<Ident> },
}

/// The success type of a transition handler, as far as tokens tell.
pub(crate) enum ReturnShape {
    /// The next state.
    State,
    /// A response, and the next state.
    ResponseAndState { response: Box<Type>, state: Box<Type> },
    /// An alias, which the compiler resolves.
    Alias(Box<Type>),
    /// No `->`.
    Unit,
}

impl StateEnum {
    pub(super) fn new(options: StateEnumOptions, service: &Ident) -> Self {
        let StateEnumOptions { vis, name, derive } = options;
        let default = || Ident::new(&format!("{}State", service.unraw()), service.span());
        StateEnum {
            ident: name.map_or_else(default, |keyed| keyed.value),
            vis: vis.map(|keyed| keyed.value),
            derive: derive.unwrap_or_default(),
        }
    }

    /// `ChatState`, `chat::ChatState<S>`
    pub(crate) fn is(&self, ty: &Type) -> bool {
        last_segment(ty).is_some_and(|last| *last == self.ident)
    }

    /// `Option<ChatState>`
    pub(super) fn is_option(&self, ty: &Type) -> bool {
        only_argument(ty, "Option").is_some_and(|inner| self.is(inner))
    }
}

impl TransitionHandler {
    pub(super) fn state(options: StateOptions, function: &Function, states: Option<&StateEnum>) -> Self {
        TransitionHandler::new(Trigger::State(options), function, states)
    }

    pub(super) fn event(options: EventOptions, function: &Function, states: Option<&StateEnum>) -> Self {
        let EventOptions { states: names, is_invalid } = options;
        TransitionHandler::new(Trigger::Event { states: names, is_invalid }, function, states)
    }

    pub(super) fn timeout(options: OnOptions, function: &Function, states: Option<&StateEnum>) -> Self {
        let OnOptions { events, state, is_invalid: _ } = options;
        let second = events.into_iter().nth(1).map(|KeyValue { key, .. }| key);
        TransitionHandler::new(Trigger::Timeout { state, second }, function, states)
    }

    fn new(trigger: Trigger, function: &Function, states: Option<&StateEnum>) -> Self {
        let mut hand = ParamMatcher::new(&function.params);
        let message = match trigger {
            Trigger::Timeout { .. } => None,
            Trigger::State(_) | Trigger::Event { .. } => hand.last_owned(),
        };
        // If the message is borrowed by mistake, the `&T` is the message and not the peer.
        let forgotten = message.is_none() && !matches!(trigger, Trigger::Timeout { .. });
        let peer = if forgotten { hand.shared() } else { hand.peer() };
        let conn = hand.exclusive();
        // `&T` is data that is borrowed by mistake; a second `&mut T` has no role.
        let (data, unmatched) =
            hand.unmatched().into_iter().partition(|param| !matches!(param.shape, Shape::Exclusive(_)));
        let return_kind = ReturnKind::of(function.output());
        let return_shape = return_shape(&return_kind, states);
        TransitionHandler { trigger, peer, conn, data, message, unmatched, return_kind, return_shape }
    }

    /// The attribute, for messages.
    pub(crate) fn attribute(&self) -> &'static str {
        match self.trigger {
            Trigger::State(_) => "#[state]",
            Trigger::Event { .. } => "#[event]",
            Trigger::Timeout { .. } => "#[on(timeout)]",
        }
    }

    /// What happens to the running handler when the peer closes its writing side.
    ///
    /// A session that waits for an event ends then, because no one may be there any more.
    pub(crate) fn half_close(&self) -> HalfClose {
        let cancels = self.peer.is_some() || self.events_only().is_some();
        let default = if cancels { HalfClose::Cancel } else { HalfClose::Answer };
        match &self.trigger {
            Trigger::State(StateOptions { half_close: Some(written), .. }) => written.value,
            _ => default,
        }
    }

    /// The key of `events_only`.
    pub(crate) fn events_only(&self) -> Option<&Ident> {
        match &self.trigger {
            Trigger::State(options) => options.events_only.as_ref(),
            Trigger::Event { .. } | Trigger::Timeout { .. } => None,
        }
    }

    /// Whether it is called for a request.
    pub(crate) fn takes_request(&self) -> bool {
        matches!(&self.trigger, Trigger::State(options) if options.events_only.is_none())
    }

    /// Whether it is called for an event.
    pub(crate) fn takes_event(&self) -> bool {
        matches!(&self.trigger, Trigger::Event { .. }) || self.events_only().is_some()
    }

    /// The key of `events_restart_idle`.
    pub(crate) fn events_restart_idle(&self) -> Option<&Ident> {
        match &self.trigger {
            Trigger::State(options) => options.events_restart_idle.as_ref(),
            Trigger::Event { .. } | Trigger::Timeout { .. } => None,
        }
    }

    /// The timeouts of the state, if it has one.
    pub(crate) fn limits(&self) -> Option<(Option<&DurationArg>, Option<&DurationArg>)> {
        match &self.trigger {
            Trigger::State(StateOptions { idle, max_duration, .. })
                if idle.is_some() || max_duration.is_some() =>
            {
                Some((
                    idle.as_ref().map(|keyed| &keyed.value),
                    max_duration.as_ref().map(|keyed| &keyed.value),
                ))
            }
            _ => None,
        }
    }
}

fn return_shape(return_kind: &ReturnKind, states: Option<&StateEnum>) -> ReturnShape {
    let ok = match return_kind {
        ReturnKind::Unit => return ReturnShape::Unit,
        ReturnKind::Plain(ty) | ReturnKind::Unresolved { ty, .. } => ty,
        ReturnKind::Result { ok, .. } => ok,
        // `io::Result<(Reply, ChatState)>`; any other alias is for the compiler.
        ReturnKind::ResultAlias(ty) => only_argument(ty, "Result").unwrap_or(ty),
    };
    match peel(ok) {
        Type::Tuple(tuple) if tuple.elems.len() == 2 => ReturnShape::ResponseAndState {
            response: Box::new(tuple.elems[0].clone()),
            state: Box::new(tuple.elems[1].clone()),
        },
        ty if states.is_some_and(|states| states.is(ty)) => ReturnShape::State,
        ty => ReturnShape::Alias(Box::new(ty.clone())),
    }
}

/// `T` of `name<T>`.
pub(super) fn only_argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = peel(ty) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(brackets) = &last.arguments else { return None };
    match (brackets.args.first(), brackets.args.len()) {
        (Some(GenericArgument::Type(only)), 1) => Some(only),
        _ => None,
    }
}

/// `EndOfData` for `end_of_data`, with its span.
pub(crate) fn variant(state: &Ident) -> Ident {
    let name = pascal(state);
    // A name that makes no identifier is reported, and gets a substitute.
    let name = if is_variant_name(&name) { name } else { format!("State{name}") };
    Ident::new(&name, state.span())
}

/// The text that a state's name makes if that can't be a variant: `2fa` for `_2fa`, `Self` for
/// `self_`.
pub(crate) fn no_variant(state: &Ident) -> Option<String> {
    Some(pascal(state)).filter(|name| !is_variant_name(name))
}

fn pascal(state: &Ident) -> String {
    let mut name = String::new();
    for part in state.unraw().to_string().split('_') {
        let mut letters = part.chars();
        name.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        name.extend(letters);
    }
    name
}

/// Whether this is an identifier and no keyword.
fn is_variant_name(name: &str) -> bool {
    syn::parse_str::<Ident>(name).is_ok()
}
