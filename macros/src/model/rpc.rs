//! The model of `#[rpc]` methods, and of the types that are generated for them.

use super::{
    Blocking, Function, Param, Shape, function::last_segment, machine::only_argument, return_kind::ReturnKind,
};
use crate::parse::{HalfClose, KeyValue, RpcOptions, RpcTraitOptions, RpcTypesOptions};
use proc_macro2::{Ident, Span};
use syn::{Expr, Path, Type, Visibility, ext::IdentExt};

/// A method that clients call.
pub(crate) struct Rpc {
    /// The name on the wire, and the value of the option that sets it.
    pub(crate) name: String,
    pub(crate) name_span: Option<Span>,
    /// The number on the wire in compact formats, and the key of the option that sets it.
    pub(crate) number: u32,
    pub(crate) number_key: Option<Ident>,
    pub(crate) peer: Option<Param>,
    /// The connection's value, by shared reference.
    pub(crate) conn: Option<Param>,
    /// The sender of the items that come before the result.
    pub(crate) sender: Option<Param>,
    /// The parameters of the call.
    pub(crate) params: Vec<Param>,
    /// Parameters without a role.
    pub(crate) unmatched: Vec<Param>,
    pub(crate) reply: Reply,
    /// Whether an `Interrupted` around or in place of the result becomes a `Failure`.
    pub(crate) may_be_interrupted: bool,
    /// Whether the block implements a trait, which has the names of the parameters.
    pub(crate) is_of_trait: bool,
}

/// What is sent back of the return value.
#[derive(Clone)]
pub(crate) enum Reply {
    /// All of it.
    Value(Option<Type>),
    /// A `Result` of the method, with its types if they are written.
    Result { whole: Box<Type>, types: Option<Box<(Type, Type)>> },
    /// What is in the `Ok` of a `Result<_, Interrupted>`.
    Uninterrupted { ok: Type },
}

/// The names of the generated types: `ImagesCall`, `ImagesReply`, `ImagesPeer`, `ImagesClient`, and
/// `ImagesApi` of a trait.
pub(crate) struct RpcTypes {
    pub(crate) call: Ident,
    pub(crate) reply: Ident,
    pub(crate) peer: Ident,
    pub(crate) client: Ident,
    pub(crate) api: Ident,
    /// The name of which the others are made, if it is written.
    pub(crate) name: Option<Ident>,
    /// The visibility that is written; `pub` otherwise.
    pub(crate) vis: Option<Visibility>,
    pub(crate) derive: Vec<Path>,
    pub(crate) max_in_flight: Option<Expr>,
    /// `None` leaves it to the codec.
    pub(crate) half_close: Option<HalfClose>,
}

impl Rpc {
    /// The longest tuple of parameters that can be read.
    pub(crate) const MAX_PARAMS: usize = 12;

    /// The methods of the generated client that are not calls.
    pub(crate) const OF_THE_CLIENT: [&str; 7] =
        ["clone", "connect", "connect_blocking", "from", "from_stream", "into_inner", "reconnecting"];

    pub(super) fn new(options: RpcOptions, function: &Function, blocking: Option<&Blocking>) -> Self {
        let RpcOptions { name, number } = options;
        let (name_span, name) = match name {
            Some(keyed) => (Some(keyed.value.span()), keyed.value.value()),
            None => (None, function.sig.ident.unraw().to_string()),
        };
        let (number_key, number) = match number {
            Some(KeyValue { key, value }) => (Some(key), value),
            None => (None, method_number(&name)),
        };
        let mut params = match blocking {
            Some(blocking) => blocking.body_args(),
            None => function.params.clone(),
        };
        let is_shared = |param: &&Param| matches!(param.shape, Shape::Shared(_));
        let index = params.iter().take_while(is_shared).position(|param| sender_item(param).is_some());
        let sender = index.map(|index| params.remove(index));
        let (peer, conn, others) = match blocking {
            Some(_) => (None, None, params),
            None => references(params),
        };
        // `check::blocking` reports borrowed arguments.
        let (params, unmatched) =
            others.into_iter().partition(|param| param.is_owned() || blocking.is_some());
        let reply = Reply::of(function.output());
        let may_be_interrupted = match (&reply, blocking) {
            (Reply::Uninterrupted { .. }, _) => true,
            // The job of a `flat` method puts the `Interrupted` into the error of the method.
            (_, Some(blocking)) => !blocking.return_kind.is_fallible(),
            (_, None) => false,
        };
        Rpc {
            name,
            name_span,
            number,
            number_key,
            peer,
            conn,
            sender,
            params,
            unmatched,
            reply,
            may_be_interrupted,
            is_of_trait: false,
        }
    }

    /// The name of a parameter on the wire. A leading underscore, which says that the method does
    /// not use it, is left out.
    pub(crate) fn param_name(param: &Param) -> Option<String> {
        let name = param.ident()?.unraw().to_string();
        Some(name.trim_start_matches('_').to_owned()).filter(|name| !name.is_empty())
    }
}

/// `Row` of `rows: &Sender<Row>`.
pub(crate) fn sender_item(param: &Param) -> Option<&Type> {
    match &param.shape {
        Shape::Shared(reference) => only_argument(&reference.elem, "Sender"),
        _ => None,
    }
}

/// The peer and the connection's value, which come first, and the other parameters.
pub(super) fn references(mut params: Vec<Param>) -> (Option<Param>, Option<Param>, Vec<Param>) {
    let is_shared = |param: &&Param| matches!(param.shape, Shape::Shared(_));
    let references = params.iter().take_while(is_shared).count().min(2);
    let others = params.split_off(references);
    let is_peer = |param: &Param| match &param.shape {
        Shape::Shared(reference) => {
            last_segment(&reference.elem).is_some_and(|last| last.to_string().ends_with("Peer"))
        }
        _ => false,
    };
    let mut references = params.into_iter();
    match (references.next(), references.next()) {
        (Some(peer), None) if is_peer(&peer) => (Some(peer), None, others),
        (Some(conn), None) => (None, Some(conn), others),
        (peer, conn) => (peer, conn, others),
    }
}

impl Reply {
    fn of(output: Option<&Type>) -> Self {
        let Some(whole) = output else { return Reply::Value(None) };
        let types = match ReturnKind::of(Some(whole)) {
            ReturnKind::Result { ok, err } => Some(Box::new((*ok, *err))),
            ReturnKind::ResultAlias(_) => None,
            _ => return Reply::Value(Some(whole.clone())),
        };
        match types {
            Some(types) if is_interrupted(&types.1) => Reply::Uninterrupted { ok: types.0 },
            types => Reply::Result { whole: Box::new(whole.clone()), types },
        }
    }

    pub(crate) fn is_result(&self) -> bool {
        matches!(self, Reply::Result { .. })
    }
}

/// Whether the error type is the one of jobs, by its last segment.
pub(super) fn is_interrupted(err: &Type) -> bool {
    last_segment(err).is_some_and(|last| last == "Interrupted")
}

impl RpcTypes {
    pub(super) fn new(options: RpcTypesOptions, max_in_flight: Option<Expr>, service: &Ident) -> Self {
        let RpcTypesOptions { vis, name, derive, half_close } = options;
        let written = name.map(|keyed| keyed.value);
        RpcTypes {
            vis: vis.map(|keyed| keyed.value),
            derive: derive.unwrap_or_default(),
            max_in_flight,
            half_close: half_close.map(|keyed| keyed.value),
            ..RpcTypes::named(written.as_ref().unwrap_or(service), written.clone())
        }
    }

    /// The types of a trait.
    pub(super) fn of_trait(options: RpcTraitOptions, vis: Visibility, name: &Ident) -> Self {
        let derive = options.derive.unwrap_or_default();
        RpcTypes { vis: Some(vis), derive, ..RpcTypes::named(name, None) }
    }

    fn named(name: &Ident, written: Option<Ident>) -> Self {
        let named = |what: &str| Ident::new(&format!("{}{what}", name.unraw()), name.span());
        RpcTypes {
            call: named("Call"),
            reply: named("Reply"),
            peer: named("Peer"),
            client: named("Client"),
            api: named("Api"),
            name: written,
            vis: None,
            derive: Vec::new(),
            max_in_flight: None,
            half_close: None,
        }
    }
}

/// `portcullis::rpc::method_number`: the FNV-1a hash of the name.
fn method_number(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
