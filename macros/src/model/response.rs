//! The response of a state machine, where a method names it.

use super::{Gives, Method, Param, Service, Shape, Side};
use syn::{GenericArgument, PathArguments, Type};

/// The response that a method of a machine names, if one does.
pub(crate) fn named_response(service: &Service) -> Option<&Type> {
    let of_moves = in_any_case(service.moves()).find_map(|(_, step)| match &step.gives {
        // The wrong way round, which is reported, the response is behind the state.
        Gives::Both { response, state } => {
            let swapped =
                service.states.as_ref().is_some_and(|states| states.is(response) && !states.is(state));
            Some(if swapped { &**state } else { &**response })
        }
        _ => None,
    });
    of_moves.or_else(|| service.arounds(Side::Before).find_map(|(_, around)| around.response())).or_else(
        || {
            let of_hooks = service.hooks().filter_map(|(_, hook)| hook.peer.as_ref());
            service.moves().filter_map(|(_, step)| step.peer.as_ref()).chain(of_hooks).find_map(peer_of)
        },
    )
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

/// Those without `cfg`s ahead of the others: what they name is there.
pub(crate) fn in_any_case<'a, T>(
    methods: impl Iterator<Item = (&'a Method, T)>,
) -> impl Iterator<Item = (&'a Method, T)> {
    let (conditional, others): (Vec<_>, Vec<_>) = methods.partition(|(method, _)| method.is_conditional());
    others.into_iter().chain(conditional)
}
