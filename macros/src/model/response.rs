//! The response type of a service: the written one, or one that its methods name.

use super::{Handler, Method, Param, ReturnShape, Role, Service, Shape, Side, machine::only_argument, peel};
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, Type};

/// The response type that a transition handler, an interceptor or a peer names.
pub(crate) fn named_response(service: &Service) -> Option<&Type> {
    let of_moves = unconditional_first(service.transition_handlers())
        .filter_map(|(_, transition)| returned_response(service, &transition.return_shape));
    innermost(of_moves.chain(named_elsewhere(service)))
}

/// The response type of a service with a `#[request]` handler, if another method names the element
/// type of what the handler returns.
pub(crate) fn element_response<'a>(service: &'a Service, handler: &'a Handler) -> Option<&'a Type> {
    let returned = handler.return_kind.ok()?;
    // The list is for several requests.
    if let Some(element) = element(returned).filter(|_| handler.batch().is_some()) {
        return Some(element);
    }
    let of_handler = handler.peer.as_ref().and_then(peer_of);
    innermost([returned].into_iter().chain(of_handler).chain(named_elsewhere(service)))
        .filter(|found| !std::ptr::eq(*found, returned))
}

/// What the method returns in place of one response, such as `Vec<Reply>`.
pub(crate) fn several_responses<'a>(service: &'a Service, method: &'a Method) -> Option<&'a Type> {
    let (returned, response) = match &method.role {
        Role::Handler(handler) => {
            let returned = handler.return_kind.ok()?;
            let response = service.response.as_ref().map(|written| &written.value);
            (returned, response.or_else(|| element_response(service, handler)))
        }
        Role::Transition(transition) => {
            let response = service.response.as_ref().map(|written| &written.value);
            (
                returned_response(service, &transition.return_shape)?,
                response.or_else(|| named_response(service)),
            )
        }
        _ => return None,
    };
    let is_other = !is_same(returned, response?);
    Some(returned).filter(|_| is_other && element(returned).is_some())
}

/// The responses in the return type of a transition handler.
fn returned_response<'a>(service: &Service, shape: &'a ReturnShape) -> Option<&'a Type> {
    match shape {
        // In a swapped pair, which is reported, the response comes second.
        ReturnShape::ResponseAndState { response, state } => {
            let swapped =
                service.states.as_ref().is_some_and(|states| states.is(response) && !states.is(state));
            Some(if swapped { &**state } else { &**response })
        }
        _ => None,
    }
}

/// The response types in `#[before]` methods and in the peers of transition handlers and hooks.
fn named_elsewhere(service: &Service) -> impl Iterator<Item = &Type> {
    let of_before = service.interceptors(Side::Before).filter_map(|(_, interceptor)| interceptor.response());
    let of_hooks = service.hooks().filter_map(|(_, hook)| hook.peer.as_ref());
    let peers = service.transition_handlers().filter_map(|(_, transition)| transition.peer.as_ref());
    of_before.chain(peers.chain(of_hooks).filter_map(peer_of))
}

/// The first of these types; of `Vec<Reply>` and `Reply`, the latter.
fn innermost<'a>(mut types: impl Iterator<Item = &'a Type>) -> Option<&'a Type> {
    let first = types.next()?;
    Some(types.fold(first, |found, ty| match element(found) {
        Some(element) if is_same(element, ty) => ty,
        _ => found,
    }))
}

/// `Reply` of `Option<Reply>`, `Vec<Reply>`, `Responses<Reply>` and `[Reply; 2]`.
fn element(ty: &Type) -> Option<&Type> {
    match peel(ty) {
        Type::Array(array) => Some(&array.elem),
        ty => ["Option", "Vec", "Responses"].iter().find_map(|name| only_argument(ty, name)),
    }
}

fn is_same(one: &Type, other: &Type) -> bool {
    one.to_token_stream().to_string() == other.to_token_stream().to_string()
}

/// `Reply` of `&Peer<Reply>`.
fn peer_of(param: &Param) -> Option<&Type> {
    let Shape::Shared(reference) = &param.shape else { return None };
    let Type::Path(path) = &*reference.elem else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Peer")?;
    let PathArguments::AngleBracketed(brackets) = &last.arguments else { return None };
    match brackets.args.first() {
        Some(GenericArgument::Type(response)) => Some(response),
        _ => None,
    }
}

/// The methods without `cfg`s before the others, because they exist in every case.
pub(crate) fn unconditional_first<'a, T>(
    methods: impl Iterator<Item = (&'a Method, T)>,
) -> impl Iterator<Item = (&'a Method, T)> {
    let (conditional, others): (Vec<_>, Vec<_>) = methods.partition(|(method, _)| method.is_conditional());
    others.into_iter().chain(conditional)
}
