//! The rules whose violation is an error.
//!
//! Each rule reads the model and reports to the sink of the method that violates it. A message says
//! what is wrong, where, and what to write instead.

mod block;
mod blocking;
mod body;
mod function;
mod handler;
mod hook;
mod interceptor;
mod machine;
mod rpc;
mod rpc_trait;

pub(crate) use block::is_offload;
pub(crate) use machine::{is_elsewhere, no_first_data};
pub(crate) use rpc_trait::check as rpc_trait;

use crate::model::{Method, Placement, Role, Service};

/// Checks a `#[service]` block: each method, then the block as a whole.
pub(crate) fn service(service: &Service) {
    let placement = Placement::Service { name: String::new(), states: None, params: Vec::new() };
    for method in service.methods() {
        // In a block without states, `machine::check` reports the missing `#[state]` handler.
        if matches!(method.role, Role::Transition(_)) && service.states.is_none() {
            continue;
        }
        self::method(method, &placement);
    }
    // A handler that seems to be missing may be the method that is incomplete.
    if service.has_incomplete_fn() || service.methods().any(Method::has_conflicting_attrs) {
        service.sink.silence();
    }
    block::check(service);
    machine::check(service);
    interceptor::service(service);
    rpc::service(service);
}

/// Checks one method, or a function outside a block.
pub(crate) fn method(method: &Method, placement: &Placement) {
    if method.has_conflicting_attrs() {
        // The other rules depend on which attribute was meant.
        return function::one_attribute(method);
    }
    match &method.role {
        Role::Plain | Role::Helper => function::plain(method),
        Role::Blocking(blocking) => blocking::check(method, blocking, placement),
        Role::Handler(handler) => handler::check(method, handler),
        Role::Transition(transition) => machine::transition(method, transition),
        Role::Interceptor(interceptor) => interceptor::check(method, interceptor),
        Role::Hook(hook) => hook::check(method, hook),
        Role::Call | Role::Unusable => {}
    }
    if let Some(rpc) = &method.rpc {
        rpc::check(method, rpc);
    }
    body::check(method);
}

#[cfg(test)]
mod tests;
