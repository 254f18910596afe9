//! Rules of state machines: `#[state]`, `#[event]`, `#[on(timeout = ..)]`.

use super::function;
use crate::{
    attributes,
    model::{
        ConnectOutput, Method, NextStates, Param, ReturnShape, Service, Shape, StateEnum, TransitionHandler,
        Trigger, connect_output, is_of_std, named_response, next_states, no_variant, variant,
    },
    parse::{DurationArg, HookEvent, StateOptions},
    tokens::{is_punct, to_text},
};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;

/// Checks one transition handler.
pub(super) fn transition(method: &Method, transition: &TransitionHandler) {
    let what = what(transition);
    function::qualifiers(method, &what);
    function::on_the_loop(method, &what);
    let expected = expected(method, transition);
    message(method, transition, &what, &expected);
    for data in &transition.data {
        function::owned(
            method,
            &data.written.ty,
            "the state's data",
            "the session keeps it between requests",
        );
    }
    match &transition.trigger {
        Trigger::Event { states, is_invalid: false } if states.is_empty() => {
            if let Some(attr) = method.own_attrs.first() {
                let message = "`#[event]` needs the states it applies to: write `#[event(state)]`";
                method.sink.error(attr, message);
            }
        }
        Trigger::Timeout { second: Some(second), .. } => {
            method.sink.error(second, "a hook handles only one event: move the other to another method");
        }
        _ => {}
    }
    limits(method, transition);
    result(method, transition, &expected);
}

/// Rejects time limits that depend on the request or another parameter that is not data.
fn limits(method: &Method, transition: &TransitionHandler) {
    let (idle, max_duration) = transition.limits().unwrap_or_default();
    if let (Some(key), None) = (transition.events_restart_idle(), idle) {
        let message = "`events_restart_idle` needs a limit that events restart: write `idle = \"30s\"` too";
        method.sink.error(key, message);
    } else if let (Some(key), Some(_)) = (transition.events_restart_idle(), transition.events_only()) {
        let message =
            "`idle` of a state with `events_only` counts from event to event: remove `events_restart_idle`";
        method.sink.error(key, message);
    }
    let exprs = [idle, max_duration].into_iter().flatten().filter_map(|limit| match limit {
        DurationArg::Expr(expr) => Some(expr.to_token_stream()),
        DurationArg::Literal(_) => None,
    });
    let others: Vec<_> = [&transition.message, &transition.peer, &transition.conn]
        .into_iter()
        .flatten()
        .filter_map(Param::ident)
        .collect();
    for expr in exprs {
        for name in others.iter().filter_map(|name| find_value(expr.clone(), name)) {
            let message = format!(
                "a time limit counts while no handler runs, so there is no `{name}`: use the data of the state, or `self`"
            );
            method.sink.error(name, message);
        }
    }
}

/// The first token that is this name, and not the name of a field or method.
fn find_value(tokens: TokenStream, name: &Ident) -> Option<Ident> {
    let mut after_dot = false;
    tokens.into_iter().find_map(|tree| {
        let is_member = std::mem::replace(&mut after_dot, is_punct(Some(&tree), '.'));
        match tree {
            TokenTree::Ident(ident) => (!is_member && ident == *name).then_some(ident),
            TokenTree::Group(group) => find_value(group.stream(), name),
            _ => None,
        }
    })
}

/// Returns ``a `#[state]` handler``.
fn what(transition: &TransitionHandler) -> String {
    let article = if matches!(transition.trigger, Trigger::State(_)) { "a" } else { "an" };
    format!("{article} `{}` handler", transition.attribute())
}

fn expected(method: &Method, transition: &TransitionHandler) -> String {
    let last = match transition.trigger {
        Trigger::Timeout { .. } => "",
        _ if transition.takes_event() => ", event: Event",
        _ => ", request: Request",
    };
    let name = &method.function.sig.ident;
    format!(
        "async fn {name}(&self, [peer: &Peer<Response>,] [conn: &mut Conn,] [data: T, ..]{last}) -> (Response, State)"
    )
}

/// Checks the request or the event, and parameters that match none of the expected ones.
fn message(method: &Method, transition: &TransitionHandler, what: &str, expected: &str) {
    let what_is_taken = match transition.trigger {
        Trigger::Timeout { .. } => return function::unmatched(method, &transition.unmatched, what, expected),
        _ if transition.takes_event() => "event",
        _ => "request",
    };
    match (&transition.message, method.function.params.last()) {
        (Some(message), _) => {
            function::unmatched(method, &transition.unmatched, what, expected);
            let why = format!("the session hands it to {what}");
            function::owned(method, &message.written.ty, &format!("the {what_is_taken}"), &why);
        }
        (None, Some(last)) if !is_other_role(last) => {
            let message =
                format!("the {what_is_taken} must be the last parameter, by value: write `{expected}`");
            method.sink.error(&last.written, message);
        }
        (None, _) => {
            let is_state = matches!(transition.trigger, Trigger::State(_));
            let or_events = match is_state && transition.events_only().is_none() {
                true => ", or `#[state(events_only)]` and the event",
                false => "",
            };
            let message = format!(
                "{what} must take the {what_is_taken} by value as its last parameter: write `{expected}`{or_events}"
            );
            method.sink.error(&method.function.sig.ident, message);
        }
    }
}

fn is_other_role(param: &Param) -> bool {
    match &param.shape {
        Shape::Shared(_) => param.is_named("Peer"),
        Shape::Exclusive(_) => true,
        Shape::Owned => false,
    }
}

fn result(method: &Method, transition: &TransitionHandler, expected: &str) {
    let what = what(transition);
    let message = format!("{what} must return the next state, or `(Response, State)`: write `{expected}`");
    match &transition.return_shape {
        ReturnShape::Unit => method.sink.error(&method.function.sig.ident, message),
        ReturnShape::Alias(ty) if is_of_std(ty) => method.sink.error(ty, message),
        ReturnShape::ResponseAndState { response, .. } => {
            function::owned(method, response, "the response", "it goes out after the handler is done");
        }
        ReturnShape::State | ReturnShape::Alias(_) => {}
    }
}

/// Checks the state machine as a whole.
pub(super) fn check(service: &Service) {
    let Some(states) = &service.states else { return without_states(service) };
    names(service);
    let start = start(service);
    if let Some((method, transition)) = start {
        first_data(service, states, method, transition);
    }
    order(service, states);
    events(service);
    timeouts(service);
    restarts(service);
    response(service);
    request(service);
}

/// Rejects `events_restart_idle` on a state without events.
fn restarts(service: &Service) {
    let is_event_of = |state: &Ident| {
        service.transition_handlers().any(|(_, transition)| match &transition.trigger {
            Trigger::Event { states, is_invalid } => *is_invalid || states.contains(state),
            Trigger::State(_) | Trigger::Timeout { .. } => false,
        })
    };
    for (method, transition) in service.state_handlers() {
        let name = &method.function.sig.ident;
        let restarts = transition.events_restart_idle().filter(|_| transition.events_only().is_none());
        if let Some(key) = restarts.filter(|_| !is_event_of(name)) {
            let message = format!(
                "state `{name}` handles no events: write an `#[event({name})]` handler, or remove `events_restart_idle`"
            );
            method.sink.error(key, message);
        }
    }
}

/// Rejects `(SmtpState, String)`: the response comes first.
fn order(service: &Service, states: &StateEnum) {
    for (method, transition) in service.transition_handlers() {
        let ReturnShape::ResponseAndState { response, state } = &transition.return_shape else { continue };
        if states.is(response) && is_of_std(state) {
            let (first, second) = (to_text(response), to_text(state));
            let message = format!("the response must come first: write `({second}, {first})`");
            method.sink.error(response, message);
        }
    }
}

/// Rejects options and handlers that need states, in a block without states.
fn without_states(service: &Service) {
    // `check::rpc` reports the mixture.
    if service.rpc.is_some() {
        return;
    }
    if let Some(key) = &service.state_key {
        let message = "`state(..)` applies to the enum of the states, but this block has no `#[state]` handler: remove it, or write a \
                       `#[state(start)]` handler";
        service.sink.error(key, message);
    }
    let mut is_reported = service.state_key.is_some();
    for (method, transition) in service.transition_handlers() {
        if let Some(attr) = method.own_attrs.first() {
            if std::mem::replace(&mut is_reported, true) {
                method.sink.mark_failed();
                continue;
            }
            let attribute = transition.attribute();
            let message = format!(
                "`{attribute}` requires a state machine, but this block has no `#[state]` handler: write a `#[state(start)]` handler in it"
            );
            method.sink.error(attr, message);
        }
    }
}

/// Checks that each state makes a variant of its own, which isn't `Closed`.
fn names(service: &Service) {
    let mut known: Vec<(Ident, &Method)> = Vec::new();
    for (method, _) in service.state_handlers() {
        let name = &method.function.sig.ident;
        if let Some(pascal) = no_variant(name) {
            let makes = match &*pascal {
                "" => "no name".to_owned(),
                pascal => format!("`{pascal}`, which is not a name"),
            };
            let message = format!(
                "the name of a state becomes a variant in PascalCase, but `{name}` becomes {makes}: choose another name"
            );
            method.sink.error(name, message);
            continue;
        }
        let variant = variant(name);
        if variant == "Closed" {
            let message = "the state name `Closed` is reserved for the end of a session: choose another name";
            method.sink.error(name, message);
            continue;
        }
        let same = known.iter().find(|(other, first)| *other == variant && first.function.sig.ident != *name);
        if let Some((_, first)) = same {
            let message = format!(
                "`{}` and this state would both become the variant `{variant}`: rename one of them",
                first.function.sig.ident
            );
            method.sink.error(name, message);
        }
        known.push((variant, method));
    }
}

/// Checks that there is exactly one start state, and returns it.
fn start(service: &Service) -> Option<(&Method, &TransitionHandler)> {
    let key = |transition: &TransitionHandler| match &transition.trigger {
        Trigger::State(StateOptions { start, .. }) => start.clone(),
        _ => None,
    };
    let mut starts = service.state_handlers().filter(|(_, transition)| key(transition).is_some());
    let Some(first) = starts.next() else {
        // A handler with wrong options may be the start state.
        let is_invalid = service.state_handlers().any(|(method, _)| method.sink.has_errors());
        if let Some((method, _)) = service.state_handlers().next().filter(|_| !is_invalid) {
            if let Some(attr) = method.own_attrs.first() {
                let message = match is_elsewhere(service) {
                    true => {
                        "all states of a service must be in one `#[service]` block: move this one to the block that has \
                         `#[state(start)]`, or write `#[state(start)]` on it"
                    }
                    false => "no start state: write `#[state(start)]` on one of the handlers",
                };
                method.sink.error(attr, message);
            }
        }
        return None;
    };
    for (method, transition) in starts {
        if let Some(key) = key(transition).filter(|_| !exclude(first.0, method)) {
            let name = &first.0.function.sig.ident;
            let message = format!(
                "only one state can be the start state, and `{name}` already is: remove `start` from one of the two"
            );
            method.sink.error(key, message);
        }
    }
    Some(first)
}

/// Whether the states belong to another block: none is the start state, and no body in this block
/// returns any of them.
pub(crate) fn is_elsewhere(service: &Service) -> bool {
    let Some(states) = &service.states else { return false };
    let is_start = |transition: &TransitionHandler| matches!(&transition.trigger, Trigger::State(options) if options.start.is_some());
    let sound = |method: &Method| {
        method.own_attrs.len() == 1 && !method.is_conditional() && method.function.incomplete.is_none()
    };
    let variants = service.variants();
    let leads_here = |method: &Method| {
        let NextStates { named, exhaustive } =
            next_states(&method.function.body.stream(), &states.ident, &variants);
        !exhaustive || named.iter().any(|name| name != "Closed")
    };
    service.state_handlers().all(|(method, transition)| sound(method) && !is_start(transition))
        && !service.methods().any(leads_here)
}

/// Rejects a start state with data that no `#[on(connect)]` hook returns.
fn first_data(service: &Service, states: &StateEnum, method: &Method, transition: &TransitionHandler) {
    let Some(data) = transition.data.first() else { return };
    let return_shape = |event: Option<HookEvent>| event == Some(HookEvent::Connect);
    let is_provided = service.hooks().any(|(_, hook)| {
        return_shape(hook.event) && connect_output(hook, Some(states)) != ConnectOutput::Conn
    });
    // A start state with a `cfg` may be absent.
    if !is_provided && !method.is_conditional() {
        method.sink.error(&data.written, no_first_data(&states.ident, method));
    }
}

/// Returns the message for a start state with data.
pub(crate) fn no_first_data(states: &Ident, method: &Method) -> String {
    let variant = variant(&method.function.sig.ident);
    format!(
        "the start state has data, but nothing provides it: write `#[on(connect)] async fn connected(&self) -> {states}` \
         that returns `{states}::{variant}(..)`"
    )
}

/// Checks `#[event(state, ..)]`: the states exist, and each has one handler, which takes its data.
fn events(service: &Service) {
    let of_states = service.state_handlers().filter(|(_, transition)| transition.events_only().is_some());
    let mut handled: Vec<(&Ident, &Method)> =
        of_states.map(|(method, _)| (&method.function.sig.ident, method)).collect();
    for (method, transition) in service.transition_handlers() {
        let Trigger::Event { states, .. } = &transition.trigger else { continue };
        for name in states {
            let Some(state) = known(service, method, name) else { continue };
            match handled.iter().find(|(other, first)| *other == name && !exclude(first, method)) {
                Some((_, first)) => {
                    let first = &first.function.sig.ident;
                    let message =
                        format!("state `{name}` already has an event handler, `{first}`: merge the two");
                    method.sink.error(name, message);
                }
                None => same_data(method, transition, state, name),
            }
            handled.push((name, method));
        }
    }
}

/// Checks `#[on(timeout = state)]`: the state exists, has a time limit and one handler.
fn timeouts(service: &Service) {
    let mut handled: Vec<(&Ident, &Method)> = Vec::new();
    for (method, transition) in service.transition_handlers() {
        let Trigger::Timeout { state: Some(name), .. } = &transition.trigger else { continue };
        let Some(state) = known(service, method, name) else { continue };
        if let Some((_, first)) =
            handled.iter().find(|(other, first)| *other == name && !exclude(first, method))
        {
            let first = &first.function.sig.ident;
            method.sink.error(
                name,
                format!("state `{name}` already has a timeout handler, `{first}`: merge the two"),
            );
        } else if state.1.limits().is_none() {
            let message = format!(
                "state `{name}` has no timeout: write `#[state(idle = \"30s\")]` or \
                 `#[state(max_duration = \"2m\")]` on it"
            );
            method.sink.error(name, message);
        } else {
            same_data(method, transition, state, name);
        }
        handled.push((name, method));
    }
}

/// Whether both methods have `cfg`s, so that only one of them may exist.
fn exclude(first: &Method, second: &Method) -> bool {
    first.is_conditional() && second.is_conditional()
}

/// Returns the state of this name, or reports that there is none.
fn known<'a>(
    service: &'a Service,
    method: &Method,
    name: &Ident,
) -> Option<(&'a Method, &'a TransitionHandler)> {
    let found = service.state_handlers().find(|(state, _)| state.function.sig.ident == *name);
    if found.is_none() {
        let names: Vec<String> =
            service.state_handlers().map(|(state, _)| state.function.sig.ident.unraw().to_string()).collect();
        let message = match attributes::nearest_of(&name.unraw().to_string(), &names) {
            Some(near) => format!("no state `{name}`: did you mean `{near}`?"),
            None => format!(
                "no state `{name}`: write `#[state] async fn {name}(..)`, or name one of `{}`",
                names.join("`, `")
            ),
        };
        method.sink.error(name, message);
    }
    found
}

/// Checks that the handler has as many data parameters as the state. The compiler compares the
/// types.
fn same_data(
    method: &Method,
    transition: &TransitionHandler,
    (state, of): (&Method, &TransitionHandler),
    name: &Ident,
) {
    // With a `cfg` there may be another state of this name. The compiler knows which one exists.
    if transition.data.len() == of.data.len() || state.sink.has_errors() || state.is_conditional() {
        return;
    }
    let types: Vec<String> =
        of.data.iter().map(|param| format!("`{}`", to_text(&param.written.ty))).collect();
    let message = match types.as_slice() {
        [] => format!("state `{name}` has no data: remove this parameter"),
        types => {
            format!(
                "this handler must take the data of state `{name}` by value, in this order: {}",
                types.join(", ")
            )
        }
    };
    match transition.data.first() {
        Some(data) => method.sink.error(&data.written, message),
        None => method.sink.error(&method.function.sig.ident, message),
    }
}

/// Rejects a state machine whose request type is unknown.
fn request(service: &Service) {
    let mut handlers = service.state_handlers();
    if service.request.is_none() && handlers.all(|(_, transition)| transition.events_only().is_some()) {
        if let Some((method, transition)) = service.state_handlers().next() {
            let message = "no state of this service takes requests: write `#[service(request = Request)]`, which the codec \
                           decodes";
            method.sink.error(transition.events_only(), message);
        }
    }
}

/// Rejects a state machine whose response type is unknown.
fn response(service: &Service) {
    let silent = service
        .transition_handlers()
        .all(|(_, transition)| matches!(transition.return_shape, ReturnShape::State));
    if service.response.is_none() && silent && named_response(service).is_none() {
        if let Some((method, _)) = service.state_handlers().next() {
            let message =
                "no handler of this service returns a response: write `#[service(response = Response)]`";
            method.sink.error(&method.function.sig.ident, message);
        }
    }
}
