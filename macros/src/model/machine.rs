//! Sessions as state machines: `#[state]`, and what else moves them on, `#[event]` and
//! `#[on(timeout = ..)]`.

use super::{
    Function, Outcome, Param, Shape,
    function::{last_segment, peel},
    roles::Hand,
};
use crate::parse::{EventOptions, HalfClose, Keyed, Limit, OnOptions, StateEnumOptions, StateOptions};
use proc_macro2::Ident;
use syn::{GenericArgument, Path, PathArguments, Type, Visibility, ext::IdentExt};

/// The enum of a block's states.
pub(crate) struct StateEnum {
    pub(crate) ident: Ident,
    /// As it is written; public as far as its module, otherwise.
    pub(crate) vis: Option<Visibility>,
    pub(crate) derive: Vec<Path>,
}

/// A method that takes a state's data and gives the next state.
pub(crate) struct Move {
    pub(crate) cause: Cause,
    pub(crate) peer: Option<Param>,
    pub(crate) conn: Option<Param>,
    pub(crate) data: Vec<Param>,
    /// The request or the event.
    pub(crate) message: Option<Param>,
    /// Parameters without a place.
    pub(crate) strays: Vec<Param>,
    pub(crate) outcome: Outcome,
    pub(crate) gives: Gives,
}

/// What makes a session move on.
pub(crate) enum Cause {
    /// `#[state]`: a request, in the state that the method is named after.
    Request(StateOptions),
    /// `#[event(..)]`: what was posted, in one of these states.
    Event { states: Vec<Ident>, mistaken: bool },
    /// `#[on(timeout = ..)]`: that the time of this state is over.
    Timeout { state: Option<Ident>, second: Option<Ident> },
}

/// What a method of a machine returns when it succeeds, as far as tokens tell.
pub(crate) enum Gives {
    /// The next state.
    State,
    /// A response, and the next state.
    Both { response: Box<Type>, state: Box<Type> },
    /// By another name: the compiler sees through it.
    Alias(Box<Type>),
    /// No `->`.
    Nothing,
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

impl Move {
    pub(super) fn state(options: StateOptions, function: &Function, states: Option<&StateEnum>) -> Self {
        Move::new(Cause::Request(options), function, states)
    }

    pub(super) fn event(options: EventOptions, function: &Function, states: Option<&StateEnum>) -> Self {
        let EventOptions { states: names, mistaken } = options;
        Move::new(Cause::Event { states: names, mistaken }, function, states)
    }

    pub(super) fn timeout(options: OnOptions, function: &Function, states: Option<&StateEnum>) -> Self {
        let OnOptions { events, state, mistaken: _ } = options;
        let second = events.into_iter().nth(1).map(|Keyed { key, .. }| key);
        Move::new(Cause::Timeout { state, second }, function, states)
    }

    fn new(cause: Cause, function: &Function, states: Option<&StateEnum>) -> Self {
        let mut hand = Hand::new(&function.params);
        let message = match cause {
            Cause::Timeout { .. } => None,
            Cause::Request(_) | Cause::Event { .. } => hand.last_owned(),
        };
        // Where the message is borrowed by mistake, what is borrowed is that.
        let forgotten = message.is_none() && !matches!(cause, Cause::Timeout { .. });
        let peer = if forgotten { hand.shared() } else { hand.peer() };
        let conn = hand.exclusive();
        // `&T` is data that is borrowed by mistake; a second `&mut T` has no place.
        let (data, strays) =
            hand.strays().into_iter().partition(|param| !matches!(param.shape, Shape::Exclusive(_)));
        let outcome = Outcome::of(function.output());
        let gives = gives(&outcome, states);
        Move { cause, peer, conn, data, message, strays, outcome, gives }
    }

    /// `#[state]`, `#[event]`, `#[on(timeout)]`: as messages name it.
    pub(crate) fn attribute(&self) -> &'static str {
        match self.cause {
            Cause::Request(_) => "#[state]",
            Cause::Event { .. } => "#[event]",
            Cause::Timeout { .. } => "#[on(timeout)]",
        }
    }

    /// What becomes of the handler when the peer closes its writing side: as `#[request]` has it.
    pub(crate) fn half_close(&self) -> HalfClose {
        let default = if self.peer.is_some() { HalfClose::Cancel } else { HalfClose::Answer };
        match &self.cause {
            Cause::Request(StateOptions { half_close: Some(written), .. }) => written.value,
            _ => default,
        }
    }

    /// The state's limits, if it has one at all.
    pub(crate) fn limits(&self) -> Option<(Option<&Limit>, Option<&Limit>)> {
        match &self.cause {
            Cause::Request(StateOptions { idle, max_duration, .. })
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

fn gives(outcome: &Outcome, states: Option<&StateEnum>) -> Gives {
    let ok = match outcome {
        Outcome::Unit => return Gives::Nothing,
        Outcome::Plain(ty) | Outcome::Unclear { ty, .. } => ty,
        Outcome::Written { ok, .. } => ok,
        // `io::Result<(Reply, ChatState)>`; what else it may be, the compiler knows.
        Outcome::Alias(ty) => only_argument(ty, "Result").unwrap_or(ty),
    };
    match peel(ok) {
        Type::Tuple(tuple) if tuple.elems.len() == 2 => Gives::Both {
            response: Box::new(tuple.elems[0].clone()),
            state: Box::new(tuple.elems[1].clone()),
        },
        ty if states.is_some_and(|states| states.is(ty)) => Gives::State,
        ty => Gives::Alias(Box::new(ty.clone())),
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

/// `end_of_data` to `EndOfData`, in the same place.
pub(crate) fn variant(state: &Ident) -> Ident {
    let name = pascal(state);
    // Of a name that makes none, which is reported, there is a stand-in.
    let name = if is_variant_name(&name) { name } else { format!("State{name}") };
    Ident::new(&name, state.span())
}

/// What keeps the state's name from making the name of a variant: `2fa` of `_2fa`, `Self` of
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

/// An identifier, and none of Rust's words.
fn is_variant_name(name: &str) -> bool {
    syn::parse_str::<Ident>(name).is_ok()
}
