//! Every rule of the language, and nothing else.
//!
//! A rule looks at the model and reports to the sink of the method that breaks it: what is wrong,
//! where it belongs, what to write instead.

mod block;
mod blocking;
mod body;
mod function;
mod handler;
mod hook;
mod interceptor;
mod machine;

pub(crate) use block::is_offload;
pub(crate) use machine::{is_elsewhere, no_first_data};

use crate::model::{Method, Placement, Role, Service};

/// The rules of a `#[service]` block: of each method, then of all of them together.
pub(crate) fn service(service: &Service) {
    let placement = Placement::Service { name: String::new(), states: None, params: Vec::new() };
    for method in service.methods() {
        // In a block without states there is one thing to say of it, which is said below.
        if matches!(method.role, Role::Transition(_)) && service.states.is_none() {
            continue;
        }
        self::method(method, &placement);
    }
    // What is missed may be what is being written.
    if service.has_incomplete_fn() || service.methods().any(|method| method.own_attrs.len() > 1) {
        service.sink.silence();
    }
    block::check(service);
    machine::check(service);
    interceptor::service(service);
}

/// The rules of one method, or of a function that stands alone.
pub(crate) fn method(method: &Method, placement: &Placement) {
    if method.own_attrs.len() > 1 {
        // What it should look like depends on which of them was meant.
        return function::one_attribute(method);
    }
    match &method.role {
        Role::Plain | Role::Helper => function::plain(method),
        Role::Blocking(blocking) => blocking::check(method, blocking, placement),
        Role::Handler(handler) => handler::check(method, handler),
        Role::Transition(transition) => machine::transition(method, transition),
        Role::Interceptor(interceptor) => interceptor::check(method, interceptor),
        Role::Hook(hook) => hook::check(method, hook),
        Role::Unusable => {}
    }
    body::check(method);
}

#[cfg(test)]
mod tests;
