//! The response type of a state machine, which one of its methods names.

use super::{Method, Param, ReturnShape, Service, Shape, Side};
use syn::{GenericArgument, PathArguments, Type};

/// The response type that a transition handler, an interceptor or a peer names.
pub(crate) fn named_response(service: &Service) -> Option<&Type> {
    let of_moves = unconditional_first(service.transition_handlers()).find_map(|(_, transition)| {
        match &transition.return_shape {
            // In a swapped pair, which is reported, the response comes second.
            ReturnShape::ResponseAndState { response, state } => {
                let swapped =
                    service.states.as_ref().is_some_and(|states| states.is(response) && !states.is(state));
                Some(if swapped { &**state } else { &**response })
            }
            _ => None,
        }
    });
    of_moves
        .or_else(|| service.interceptors(Side::Before).find_map(|(_, interceptor)| interceptor.response()))
        .or_else(|| {
            let of_hooks = service.hooks().filter_map(|(_, hook)| hook.peer.as_ref());
            service
                .transition_handlers()
                .filter_map(|(_, transition)| transition.peer.as_ref())
                .chain(of_hooks)
                .find_map(peer_of)
        })
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
