//! The value of `#[on(connect)]`: the connection's value, the first state, or both.

use super::{Hook, StateEnum, is_of_std, peel};
use syn::Type;

/// What a hook returns, as far as tokens tell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectOutput {
    /// The connection's value.
    Conn,
    /// The first state.
    State,
    /// `(Conn, State)`
    Both,
    /// An alias of one of these, which the compiler resolves.
    Unknown,
}

/// What this `#[on(connect)]` hook returns.
pub(crate) fn connect_output(hook: &Hook, states: Option<&StateEnum>) -> ConnectOutput {
    let Some(states) = states else { return ConnectOutput::Conn };
    match hook.return_kind.ok().map(peel) {
        Some(Type::Tuple(tuple)) if tuple.elems.len() == 2 => match &tuple.elems[1] {
            state if states.is(state) => ConnectOutput::Both,
            other if is_of_std(other) => ConnectOutput::Conn,
            _ => ConnectOutput::Unknown,
        },
        Some(ty) if states.is(ty) => ConnectOutput::State,
        Some(ty) if is_of_std(ty) => ConnectOutput::Conn,
        Some(_) => ConnectOutput::Unknown,
        None if hook.return_kind.is_fallible() => ConnectOutput::Unknown,
        None => ConnectOutput::Conn,
    }
}
