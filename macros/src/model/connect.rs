//! What `#[on(connect)]` makes: the connection's value, the first state, or both.

use super::{Hook, StateEnum, is_of_std, peel};
use syn::Type;

/// What a hook makes, as far as tokens tell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// The connection's value.
    Conn,
    /// The first state.
    State,
    /// `(Conn, State)`
    Both,
    /// One of these, by another name: the compiler tells which.
    Open,
}

/// What `#[on(connect)]` makes, where its type says so.
pub(crate) fn made(hook: &Hook, states: Option<&StateEnum>) -> Made {
    let Some(states) = states else { return Made::Conn };
    match hook.outcome.ok().map(peel) {
        Some(Type::Tuple(tuple)) if tuple.elems.len() == 2 => match &tuple.elems[1] {
            state if states.is(state) => Made::Both,
            other if is_of_std(other) => Made::Conn,
            _ => Made::Open,
        },
        Some(ty) if states.is(ty) => Made::State,
        Some(ty) if is_of_std(ty) => Made::Conn,
        Some(_) => Made::Open,
        None if hook.outcome.is_fallible() => Made::Open,
        None => Made::Conn,
    }
}
