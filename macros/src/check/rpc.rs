//! Rules of `#[rpc]`.

use super::function;
use crate::{
    model::{
        Method, Param, Role, Rpc, RpcTypes, Service, Shape, Side, is_concrete, no_variant, owned_form,
        params, variant,
    },
    parse::HookEvent,
    tokens::to_text,
};
use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::{GenericParam, Type, ext::IdentExt};

const WHAT: &str = "an `#[rpc]` method";

pub(super) fn check(method: &Method, rpc: &Rpc) {
    let is_async = matches!(method.role, Role::Call);
    if is_async {
        function::qualifiers(method, WHAT);
        asynchronous(method);
    }
    if is_async || method.function.receiver.written().is_none() {
        function::shared_receiver(method, WHAT);
    }
    not_generic(method);
    for param in &rpc.unmatched {
        unmatched(method, param);
    }
    parameters(method, rpc, is_async);
    if is_async {
        result(method);
    }
    match rpc.is_of_trait {
        true => options_of_trait(method, rpc),
        false => name(method, rpc),
    }
}

/// Rejects a result that can't be sent.
pub(super) fn result(method: &Method) {
    let Some(output) = method.function.output() else { return };
    if matches!(output, Type::Never(_)) {
        method.sink.error(output, "an `#[rpc]` method can't return `!`, which can't be sent: write the type");
    } else {
        function::owned(method, output, "the result", "it is sent to the client");
    }
}

/// Rejects an empty name.
pub(super) fn name(method: &Method, rpc: &Rpc) {
    if let (Some(span), true) = (rpc.name_span, rpc.name.is_empty()) {
        method
            .sink
            .push(syn::Error::new(span, "the name of a method can't be empty: write one, or remove `name`"));
    }
}

/// Rejects `name` and `number` in a service that implements a trait.
fn options_of_trait(method: &Method, rpc: &Rpc) {
    let number = rpc.number_key.as_ref().map(|key| ("number", key.span()));
    let option = rpc.name_span.map(|span| ("name", span)).into_iter().chain(number).next();
    if let Some((option, span)) = option {
        let message = format!(
            "the trait has the names and numbers on the wire: move `{option}` to `#[rpc({option} = ..)]` on the method of the trait"
        );
        method.sink.push(syn::Error::new(span, message));
    }
}

/// Rejects type parameters, also of jobs, which may have some otherwise.
pub(super) fn not_generic(method: &Method) {
    let params = &method.function.sig.generics.params;
    if params.iter().any(|param| !matches!(param, GenericParam::Lifetime(_))) {
        let message = "an `#[rpc]` method can't be generic, because the service can't know which type a client sends: use concrete types";
        method.sink.error(params, message);
    }
}

fn asynchronous(method: &Method) {
    let sig = &method.function.sig;
    if sig.asyncness.is_none() {
        let message = format!(
            "an `#[rpc]` method must be `async`, or a job: write `async fn {}`, or `#[blocking]` on it too if it blocks",
            sig.ident
        );
        return method.sink.error(sig.fn_token, message);
    }
    let is_worker = |param: &&Param| !param.is_owned() && param.is_named("Worker");
    for worker in method.function.params.iter().filter(is_worker) {
        let message = "an `async` method runs on the event loop and has no worker: remove this parameter, or remove `async` and \
                       write `#[blocking]` too";
        method.sink.error(&worker.written, message);
    }
}

/// A reference that is neither the peer nor the connection's value.
fn unmatched(method: &Method, param: &Param) {
    if param.is_named("Worker") {
        return; // reported
    }
    let message = match &param.shape {
        Shape::Exclusive(reference) => shared_conn(&reference.elem),
        _ => by_value(param),
    };
    method.sink.error(&param.written, message);
}

fn shared_conn(ty: &Type) -> String {
    format!(
        "calls of a connection run at the same time and share its value: write `&{}`, and put what changes into an atomic or a `Mutex`",
        to_text(ty)
    )
}

/// A reference in the place of a parameter of the call.
fn by_value(param: &Param) -> String {
    let ty = match &param.shape {
        Shape::Shared(reference) | Shape::Exclusive(reference) => &reference.elem,
        Shape::Owned => &param.written.ty,
    };
    let name = to_text(&param.written.pat);
    let owned = owned_form(ty).unwrap_or_else(|| to_text(ty));
    format!(
        "the parameters of a call come from the client and are passed by value: write `{name}: {owned}` (the peer and the connection's \
         value, which are references, come first)"
    )
}

/// Checks the parameters of the call: their types, names and number.
pub(super) fn parameters(method: &Method, rpc: &Rpc, is_async: bool) {
    let mut names: Vec<String> = Vec::new();
    for param in &rpc.params {
        if is_async {
            function::owned(method, &param.written.ty, "this parameter", "it comes from the client");
        }
        if rpc.is_of_trait {
            continue; // the names on the wire are those of the trait
        }
        let Some(name) = Rpc::param_name(param) else {
            let message = format!(
                "a parameter of an `#[rpc]` method is sent under its name, and this one has none: write `name: {}`, and take the value \
                 apart in the body",
                to_text(&param.written.ty)
            );
            method.sink.error(&param.written.pat, message);
            continue;
        };
        if names.contains(&name) {
            let message = format!("two parameters are sent under the name `{name}`: rename one of them");
            method.sink.error(&param.written.pat, message);
        }
        names.push(name);
    }
    if let Some(excess) = rpc.params.get(Rpc::MAX_PARAMS) {
        let message = format!(
            "an `#[rpc]` method can have at most {} parameters: put some of them into a `struct`, to which fields can be added \
             later",
            Rpc::MAX_PARAMS
        );
        method.sink.error(&excess.written, message);
    }
}

/// Rules of the block: other handlers, names, numbers, and types.
pub(super) fn service(service: &Service) {
    let Some((first, _)) = service.rpc_methods().next() else {
        return without_methods(service);
    };
    if !crate::HAS_RPC {
        if let Some(attr) = first.own_attrs.iter().find(|attr| *attr == "rpc") {
            let message = "`#[rpc]` needs the feature `rpc` of portcullis: add it in Cargo.toml, `features = [\"rpc\"]`";
            service.sink.error(attr, message);
        }
        return;
    }
    beside_others(service, first);
    hooks(service);
    match &service.rpc_trait {
        Some(_) => types_of_trait(service),
        None => {
            names(service.rpc_methods());
            numbers(service.rpc_methods());
            names_of_types(service);
        }
    }
    types(service);
    references(service);
    interceptors(service);
}

fn without_methods(service: &Service) {
    for (key, option) in &service.rpc_keys {
        let message = format!(
            "`{option}` applies to `#[rpc]` methods, but this block has none: remove it, or write `#[rpc]` on the methods that clients \
             call"
        );
        service.sink.error(key, message);
    }
}

/// Rejects other handlers in the block, and the options that name their messages.
fn beside_others(service: &Service, first: &Method) {
    let name = &first.function.sig.ident;
    let handlers = service.handlers().map(|(method, handler)| (method, handler.attribute()));
    let transitions =
        service.transition_handlers().map(|(method, transition)| (method, transition.attribute()));
    for (method, attribute) in handlers.chain(transitions) {
        if let Some(attr) = method.own_attrs.first() {
            let message = format!(
                "a service can't mix handler kinds, and `{name}` is an `#[rpc]` method: move this `{attribute}` to another service, or \
                 make it an `#[rpc]` method"
            );
            method.sink.error(attr, message);
        }
    }
    for option in [&service.request, &service.response].into_iter().flatten() {
        let key = &option.key;
        let message = format!("the messages of `#[rpc]` methods are generated: remove `{key}`");
        service.sink.error(key, message);
    }
    if let Some(key) = &service.state_key {
        let message = "`state(..)` applies to the enum of the states, and a service with `#[rpc]` methods has none: remove it";
        service.sink.error(key, message);
    }
}

/// Rejects `#[on(error)]`.
fn hooks(service: &Service) {
    for (method, hook) in service.hooks().filter(|(_, hook)| hook.event == Some(HookEvent::Error)) {
        if let Some(key) = &hook.event_key {
            let message = "a service with `#[rpc]` methods has no `#[on(error)]` hook, because the error of a call is the answer of that call: \
                           return a `Result` from the method, and remove the hook";
            method.sink.error(key, message);
        }
    }
}

/// Rejects options of the generated types, which are those of the trait.
fn types_of_trait(service: &Service) {
    let Some(RpcTypes { name, vis, derive, .. }) = &service.rpc else { return };
    let option = match () {
        () if name.is_some() => "name",
        () if vis.is_some() => "vis",
        () if !derive.is_empty() => "derive",
        () => return,
    };
    if let Some((key, _)) = service.rpc_keys.iter().find(|(_, option)| *option == "rpc(..)") {
        let message = format!(
            "the types of the calls are generated with the trait, so `{option}` has no effect here: remove it"
        );
        service.sink.error(key, message);
    }
}

/// Rejects a name for the generated types that makes one of them the type of the service.
fn names_of_types(service: &Service) {
    let Some(name) = service.rpc.as_ref().and_then(|types| types.name.as_ref()) else { return };
    if let Some(ident) = service.generated_twice() {
        let message = format!(
            "`name = {name}` makes a type `{ident}`, which is the name of the service: choose another name"
        );
        service.sink.error(name, message);
    }
}

/// Checks that the names of the methods make variants and methods of the client, and differ on the
/// wire.
pub(super) fn names<'a>(methods: impl Iterator<Item = (&'a Method, &'a Rpc)>) {
    let mut known: Vec<(Ident, &Method, &Rpc)> = Vec::new();
    for (method, rpc) in methods {
        let ident = &method.function.sig.ident;
        let name = ident.unraw().to_string();
        if let Some(pascal) = no_variant(ident) {
            let makes = match &*pascal {
                "" => "no name".to_owned(),
                pascal => format!("`{pascal}`, which is not a name"),
            };
            let message = format!(
                "the name of an `#[rpc]` method becomes a variant in PascalCase, but `{ident}` becomes {makes}: choose another name"
            );
            method.sink.error(ident, message);
            continue;
        }
        if Rpc::OF_THE_CLIENT.contains(&&*name) {
            let message = format!(
                "the generated client has a method `{name}` of its own: choose another name, such as `{name}_call`, and write \
                 `#[rpc(name = \"{}\")]` to keep the name on the wire",
                rpc.name
            );
            method.sink.error(ident, message);
            continue;
        }
        let variant = variant(ident);
        let differs = |other: &Method| !(other.is_conditional() && method.is_conditional());
        let same_variant = known.iter().find(|(other, first, _)| {
            *other == variant && first.function.sig.ident != *ident && differs(first)
        });
        let same_name = known
            .iter()
            .find(|(other, first, known)| known.name == rpc.name && *other != variant && differs(first));
        if let Some((_, first, _)) = same_variant {
            let message = format!(
                "`{}` and this method would both become the variant `{variant}`: rename one of them",
                first.function.sig.ident
            );
            method.sink.error(ident, message);
        } else if let Some((_, first, _)) = same_name {
            let message = format!(
                "`{}` has the name `{}` on the wire too: choose another name for one of them",
                first.function.sig.ident, rpc.name
            );
            method.sink.push(syn::Error::new(rpc.name_span.unwrap_or_else(|| ident.span()), message));
        }
        known.push((variant, method, rpc));
    }
    items(&known);
}

/// Checks that the variant `SearchItem` of the items of `search` is not that of another method.
fn items(methods: &[(Ident, &Method, &Rpc)]) {
    for (sender, of_items, _) in methods.iter().filter(|(_, _, rpc)| rpc.sender.is_some()) {
        let same = methods.iter().find(|(variant, method, _)| {
            *variant == format!("{sender}Item") && !(of_items.is_conditional() && method.is_conditional())
        });
        if let Some((variant, method, _)) = same {
            let message = format!(
                "the items of `{}` already have the variant `{variant}` of the replies: rename this method",
                of_items.function.sig.ident
            );
            method.sink.error(&method.function.sig.ident, message);
        }
    }
}

/// Checks that the numbers differ, which may also be the hashes of two names.
pub(super) fn numbers<'a>(methods: impl Iterator<Item = (&'a Method, &'a Rpc)>) {
    let mut known: Vec<(&Method, &Rpc)> = Vec::new();
    for (method, rpc) in methods {
        let same = known.iter().find(|(first, known)| {
            known.number == rpc.number
                && known.name != rpc.name
                && !(first.is_conditional() && method.is_conditional())
        });
        if let Some((first, _)) = same {
            let name = &first.function.sig.ident;
            let message = format!(
                "`{name}` has the number {} in compact formats too: write `#[rpc(number = ..)]` with another one on one of them",
                rpc.number
            );
            let span: Span = rpc.number_key.as_ref().unwrap_or(&method.function.sig.ident).span();
            method.sink.push(syn::Error::new(span, message));
        }
        known.push((method, rpc));
    }
}

/// Rejects types that depend on the parameters of the block: a client does not know them.
fn types(service: &Service) {
    let generics = params(&service.head.generics);
    for (method, rpc) in service.rpc_methods() {
        let types = rpc.params.iter().map(|param| &*param.written.ty).chain(method.function.output());
        for ty in types.filter(|ty| !is_concrete(ty, &generics)) {
            let message = format!(
                "`{}` depends on the parameters of the `impl` block, which a client does not know: use a type that does not",
                to_text(&ty.to_token_stream())
            );
            method.sink.error(ty, message);
        }
    }
}

/// Rejects a reference that is taken for the connection's value, in a block in which no
/// `#[on(connect)]` hook makes one.
fn references(service: &Service) {
    if service.hooks().any(|(_, hook)| hook.event.is_none_or(|event| event == HookEvent::Connect)) {
        return;
    }
    for (method, rpc) in service.rpc_methods().filter(|(method, _)| !method.sink.has_errors()) {
        if let Some(conn) = &rpc.conn {
            method.sink.error(&conn.written, by_value(conn));
        }
    }
}

/// Rejects `conn: &mut Conn` in `#[before]` and `#[after]`, and other parameters without a role.
fn interceptors(service: &Service) {
    for (method, interceptor) in
        [Side::Before, Side::After].into_iter().flat_map(|side| service.interceptors(side))
    {
        let Some(unmatched) = interceptor.unmatched.first() else { continue };
        let (calls, name) = (interceptor.attribute(), &method.function.sig.ident);
        let message = match (&unmatched.shape, interceptor.side) {
            (Shape::Exclusive(reference), _) => shared_conn(&reference.elem),
            (_, Side::Before) => format!(
                "unexpected parameter in a `{calls}` method: write `async fn {name}(&self, [peer: &Peer,] [conn: &Conn,] call: Call) -> \
                 ControlFlow<Reply, Call>`"
            ),
            (_, Side::After) => format!(
                "unexpected parameter in an `{calls}` method: write `async fn {name}(&self, [peer: &Peer,] [conn: &Conn,] reply: &Reply)`"
            ),
        };
        method.sink.error(&unmatched.written, message);
    }
}
