//! The model of `#[before]` and `#[after]` methods.

use super::{Function, Param, Placement, ReturnKind, function::peel, params::ParamMatcher, rpc};
use syn::{GenericArgument, PathArguments, Type};

/// A method that runs before or after every handler.
pub(crate) struct Interceptor {
    pub(crate) side: Side,
    pub(crate) peer: Option<Param>,
    pub(crate) conn: Option<Param>,
    /// The request by value, or the response by reference.
    pub(crate) message: Option<Param>,
    /// Parameters without a role.
    pub(crate) unmatched: Vec<Param>,
    /// Whether the block has `#[rpc]` methods.
    pub(crate) is_of_calls: bool,
    pub(crate) return_kind: ReturnKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

impl Interceptor {
    pub(super) fn new(side: Side, function: &Function, placement: &Placement) -> Self {
        let mut hand = ParamMatcher::new(&function.params);
        let message = match side {
            Side::Before => hand.last_owned(),
            Side::After => hand.last_shared(),
        };
        let (peer, conn) = (hand.shared(), hand.exclusive());
        let return_kind = ReturnKind::of_hook(function.output(), placement.params());
        Interceptor {
            side,
            peer,
            conn,
            message,
            unmatched: hand.unmatched(),
            is_of_calls: false,
            return_kind,
        }
    }

    /// Matches the parameters anew for a service of calls, which run at the same time: the
    /// connection's value is a shared reference.
    pub(super) fn share_conn(&mut self, function: &Function) {
        let mut hand = ParamMatcher::new(&function.params);
        self.message = match self.side {
            Side::Before => hand.last_owned(),
            Side::After => hand.last_shared(),
        };
        (self.peer, self.conn, self.unmatched) = rpc::references(hand.unmatched());
        self.is_of_calls = true;
    }

    /// The attribute, for messages.
    pub(crate) fn attribute(&self) -> &'static str {
        match self.side {
            Side::Before => "#[before]",
            Side::After => "#[after]",
        }
    }

    /// The response of `ControlFlow<Response, Request>`.
    pub(crate) fn response(&self) -> Option<&Type> {
        let Type::Path(path) = peel(self.return_kind.ok()?) else { return None };
        let last = path.path.segments.last().filter(|last| last.ident == "ControlFlow")?;
        let PathArguments::AngleBracketed(brackets) = &last.arguments else { return None };
        match brackets.args.first() {
            Some(GenericArgument::Type(response)) => Some(response),
            _ => None,
        }
    }
}
