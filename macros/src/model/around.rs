//! `#[before]` and `#[after]`.

use super::{Function, Host, Outcome, Param, function::peel, roles::Hand};
use syn::{GenericArgument, PathArguments, Type};

/// What runs ahead of or behind every handler.
pub(crate) struct Around {
    pub(crate) side: Side,
    pub(crate) peer: Option<Param>,
    pub(crate) conn: Option<Param>,
    /// The request, owned; or the response, `&T`.
    pub(crate) message: Option<Param>,
    /// Parameters without a place.
    pub(crate) strays: Vec<Param>,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

impl Around {
    pub(super) fn new(side: Side, function: &Function, host: &Host) -> Self {
        let mut hand = Hand::new(&function.params);
        let message = match side {
            Side::Before => hand.last_owned(),
            Side::After => hand.last_shared(),
        };
        let (peer, conn) = (hand.shared(), hand.exclusive());
        let outcome = Outcome::of_hook(function.output(), host.params());
        Around { side, peer, conn, message, strays: hand.strays(), outcome }
    }

    /// `#[before]`, `#[after]`
    pub(crate) fn attribute(&self) -> &'static str {
        match self.side {
            Side::Before => "#[before]",
            Side::After => "#[after]",
        }
    }

    /// The response of `ControlFlow<Response, Request>`.
    pub(crate) fn response(&self) -> Option<&Type> {
        let Type::Path(path) = peel(self.outcome.ok()?) else { return None };
        let last = path.path.segments.last().filter(|last| last.ident == "ControlFlow")?;
        let PathArguments::AngleBracketed(brackets) = &last.arguments else { return None };
        match brackets.args.first() {
            Some(GenericArgument::Type(response)) => Some(response),
            _ => None,
        }
    }
}
