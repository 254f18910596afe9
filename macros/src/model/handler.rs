//! The model of `#[request]` and `#[session]` methods.

use super::{
    Function, Param, Placement, ReturnKind, Shape, function::peel, machine::only_argument,
    params::ParamMatcher,
};
use crate::parse::{HalfClose, KeyValue, RequestOptions, SessionOptions};
use proc_macro2::Ident;
use syn::{Expr, GenericArgument, PathArguments, Type};

/// The handler of a service without states.
pub(crate) struct Handler {
    pub(crate) kind: HandlerKind,
    pub(crate) half_close: HalfClose,
    pub(crate) peer: Option<Param>,
    pub(crate) conn: Option<Param>,
    /// Parameters without a role.
    pub(crate) unmatched: Vec<Param>,
    pub(crate) return_kind: ReturnKind,
}

pub(crate) enum HandlerKind {
    Request {
        request: Option<Param>,
        /// The key of `send_result`, with which the whole `Result` is the response.
        send_result: Option<Ident>,
        /// How many requests are handled together.
        batch: Option<Box<KeyValue<Expr>>>,
    },
    Session {
        session: Option<Param>,
    },
}

/// The message types of a session.
pub(crate) enum SessionTypes<'a> {
    /// `Session<Request, Response>` with both types.
    Written { request: &'a Type, response: &'a Type },
    /// An alias, which the compiler resolves.
    Alias(&'a Type),
}

impl Handler {
    pub(super) fn request(options: RequestOptions, function: &Function, placement: &Placement) -> Self {
        let RequestOptions { send_result, batch, half_close } = options;
        let mut hand = ParamMatcher::new(&function.params);
        let request = hand.last_owned();
        let peer = hand.shared();
        let conn = hand.exclusive();
        let return_kind = match send_result {
            Some(_) => ReturnKind::plain(function.output()),
            None => ReturnKind::by_type(function.output(), placement.params()),
        };
        // A handler with a peer may send to it, which fails once the peer has closed.
        let default = if peer.is_some() { HalfClose::Cancel } else { HalfClose::Answer };
        Handler {
            half_close: chosen(half_close, default),
            kind: HandlerKind::Request { request, send_result, batch: batch.map(Box::new) },
            peer,
            conn,
            unmatched: hand.unmatched(),
            return_kind,
        }
    }

    pub(super) fn session(options: SessionOptions, function: &Function, placement: &Placement) -> Self {
        let SessionOptions { half_close } = options;
        let mut hand = ParamMatcher::new(&function.params);
        let session = hand.last_exclusive();
        let peer = hand.shared();
        let conn = hand.exclusive();
        Handler {
            half_close: chosen(half_close, HalfClose::Cancel),
            kind: HandlerKind::Session { session },
            peer,
            conn,
            unmatched: hand.unmatched(),
            return_kind: ReturnKind::of_hook(function.output(), placement.params()),
        }
    }

    /// The value of `batch`.
    pub(crate) fn batch(&self) -> Option<&KeyValue<Expr>> {
        match &self.kind {
            HandlerKind::Request { batch, .. } => batch.as_deref(),
            HandlerKind::Session { .. } => None,
        }
    }

    /// The type of one request: `T` of `requests: Vec<T>` in a handler with `batch`.
    pub(crate) fn request_type<'a>(&self, request: &'a Param) -> Option<&'a Type> {
        let ty = &*request.written.ty;
        if self.batch().is_some() { only_argument(ty, "Vec") } else { Some(ty) }
    }

    /// The attribute, for messages.
    pub(crate) fn attribute(&self) -> &'static str {
        match self.kind {
            HandlerKind::Request { .. } => "#[request]",
            HandlerKind::Session { .. } => "#[session]",
        }
    }

    /// The last parameter, if it is a `session: &Session<..>` without `mut`.
    pub(crate) fn shared_session<'a>(&self, function: &'a Function) -> Option<&'a Param> {
        let last = function.params.last()?;
        let is_shared = matches!(last.shape, Shape::Shared(_)) && last.is_named("Session");
        (is_shared && matches!(self.kind, HandlerKind::Session { session: None })).then_some(last)
    }

    /// The message types in the type of the session.
    pub(crate) fn session_types(session: &Param) -> Option<SessionTypes<'_>> {
        let Shape::Exclusive(reference) = &session.shape else { return None };
        Some(written(&reference.elem).unwrap_or(SessionTypes::Alias(&reference.elem)))
    }
}

fn chosen(written: Option<KeyValue<HalfClose>>, default: HalfClose) -> HalfClose {
    written.map_or(default, |keyed| keyed.value)
}

/// `Session<A, B>`, recognized by its last segment with two types.
fn written(ty: &Type) -> Option<SessionTypes<'_>> {
    let Type::Path(path) = peel(ty) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Session")?;
    let PathArguments::AngleBracketed(brackets) = &last.arguments else { return None };
    let mut args = brackets.args.iter();
    match (args.next(), args.next(), args.next()) {
        (Some(GenericArgument::Type(request)), Some(GenericArgument::Type(response)), None) => {
            Some(SessionTypes::Written { request, response })
        }
        _ => None,
    }
}
