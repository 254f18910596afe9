//! Rules of the block as a whole: the number of handlers and hooks, and methods that need another
//! method of the block.

use super::{handler::is_unit, hook};
use crate::{
    model::{
        Borrow, Handler, HandlerKind, Hook, Method, NotOwned, Param, ReturnKind, Role, Service, Shape, Side,
        peel,
    },
    parse::HookEvent,
    tokens::to_text,
};
use proc_macro2::{Ident, TokenTree};
use quote::ToTokens;
use syn::{PathArguments, Type, ext::IdentExt};

pub(super) fn check(service: &Service) {
    if !crate::HAS_SERVERS {
        serverless(service);
    }
    owned(service);
    name_conflicts(service);
    handlers(service);
    offloads(service);
    hooks(service);
    if !service.has_handlers() {
        without_handlers(service);
    } else {
        last_states(service);
        connection_values(service);
        sessions(service);
    }
}

/// Rejects handlers without the feature `server`, which has the traits that they would implement.
fn serverless(service: &Service) {
    let serves = |method: &&Method| matches!(method.role, Role::Handler(_) | Role::Transition(_));
    let Some(method) = service.methods().find(serves) else { return };
    if let Some(attr) = method.own_attrs.first() {
        let message = format!(
            "`#[{attr}]` needs the feature `server` of portcullis, which `default-features = false` leaves out: add it in \
             Cargo.toml, `features = [\"server\"]`"
        );
        service.sink.error(attr, message);
    }
}

/// Rejects a service type that contains a reference or is unsized. (The compiler rejects an `impl`
/// block of a reference.)
fn owned(service: &Service) {
    match service.borrowed() {
        Some(NotOwned::Type(Borrow::Lifetime(lifetime))) => {
            let message = format!(
                "a service can't contain a reference (`{lifetime}`), because its connections and jobs own it: use owned fields (`String` for `&str`, `Arc<T>` for `&T`)"
            );
            service.sink.error(lifetime, message);
        }
        Some(NotOwned::Object(ty)) => {
            let message = format!(
                "a service type must be `Sized`, but `{}` isn't: write a `struct` that holds a `Box<{0}>`",
                ty.to_token_stream()
            );
            service.sink.error(ty, message);
        }
        _ => {}
    }
}

/// Rejects a method `blocking_f` beside `#[blocking] fn f`, which generates that name.
fn name_conflicts(service: &Service) {
    for (method, blocking) in service.methods().filter_map(|method| match &method.role {
        Role::Blocking(blocking) => Some((method, blocking)),
        _ => None,
    }) {
        let name = method.function.sig.ident.unraw();
        let generated = format!("blocking_{name}");
        let taken = service.methods().find(|other| other.function.sig.ident == generated);
        if let (true, Some(taken)) = (blocking.has_name_conflict, taken) {
            let message = format!(
                "`#[blocking] fn {name}` also generates `{generated}`, which runs it on the calling thread: choose another name for this method"
            );
            taken.sink.error(&taken.function.sig.ident, message);
            method.sink.mark_failed();
        }
    }
}

/// Rejects a second handler, unless both have `cfg`s. If the `cfg`s don't exclude each other, the
/// compiler reports it.
fn handlers(service: &Service) {
    let mut handlers = service.handlers();
    if let Some((state, _)) = service.state_handlers().next() {
        return beside_states(service, state);
    }
    let Some(first) = handlers.next() else { return };
    for (method, handler) in handlers {
        if first.0.is_conditional() && method.is_conditional() {
            continue;
        }
        if let Some(attr) = method.own_attrs.first() {
            method.sink.error(attr, second_handler(first, handler));
        }
    }
}

/// Rejects a handler that returns the `Offload` of a job. The type is the library's, and not the
/// user's of the same name, if the body calls a job of the block.
fn offloads(service: &Service) {
    let is_job = |name: &Ident| {
        service
            .methods()
            .any(|method| matches!(method.role, Role::Blocking(_)) && method.function.sig.ident == *name)
    };
    for (method, _) in service.handlers() {
        let Some((ty, value)) = method.function.output().and_then(|ty| Some((ty, awaited_offload(ty)?)))
        else {
            continue;
        };
        let body: Vec<TokenTree> = method.function.body.stream().into_iter().collect();
        let [.., TokenTree::Ident(own), TokenTree::Punct(dot), TokenTree::Ident(name), TokenTree::Group(_)] =
            body.as_slice()
        else {
            continue;
        };
        if own == "self" && dot.as_char() == '.' && is_job(name) {
            let message = format!(
                "a handler must return the value of a job, not its future: write `-> {value}` and `self.{name}(..).await`"
            );
            method.sink.error(ty, message);
        }
    }
}

/// Whether the type is written `Offload<T>`.
pub(crate) fn is_offload(ty: &Type) -> bool {
    awaited_offload(ty).is_some()
}

/// Returns the output of an `Offload<T>`: `Result<T, Interrupted>`.
fn awaited_offload(ty: &Type) -> Option<String> {
    let Type::Path(path) = peel(ty) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Offload")?;
    let PathArguments::AngleBracketed(brackets) = &last.arguments else { return None };
    let args: Vec<String> = brackets.args.iter().map(to_text).collect();
    match args.as_slice() {
        [ok] => Some(format!("Result<{ok}, Interrupted>")),
        [ok, err] => Some(format!("Result<{ok}, {err}>")),
        _ => None,
    }
}

/// Rejects other handlers in a block with states.
fn beside_states(service: &Service, state: &Method) {
    for (method, handler) in service.handlers() {
        if let Some(attr) = method.own_attrs.first() {
            let (name, kind) = (&state.function.sig.ident, handler.attribute());
            let message = format!(
                "a service can't mix handler kinds, and `{name}` is a `#[state]`: move this `{kind}` to another service, or make it a state"
            );
            method.sink.error(attr, message);
        }
    }
}

fn second_handler((first, kind): (&Method, &Handler), second: &Handler) -> String {
    let name = &first.function.sig.ident;
    let (kind, second) = (kind.attribute(), second.attribute());
    if kind == second {
        format!(
            "a service can have only one `{kind}` handler, and `{name}` already is one: make the request an `enum` and match on it there"
        )
    } else {
        format!(
            "a service can't mix handler kinds, and `{name}` is a `{kind}`: move this `{second}` to another service"
        )
    }
}

fn hooks(service: &Service) {
    let mut seen: Vec<(&Method, HookEvent)> = Vec::new();
    for (method, hook) in service.hooks() {
        let (Some(event), Some(key)) = (hook.event, &hook.event_key) else { continue };
        let first = seen
            .iter()
            .find(|(other, same)| *same == event && !(other.is_conditional() && method.is_conditional()));
        if let Some((first, _)) = first {
            let (name, event) = (&first.function.sig.ident, hook::name(event));
            method
                .sink
                .error(key, format!("a service can have only one `#[on({event})]` hook, and `{name}` already is one: merge the two"));
        }
        seen.push((method, event));
    }
}

/// Rejects hooks and type options in a block without handlers, where they would have no effect. The
/// missing handler is one error, however many items need it.
fn without_handlers(service: &Service) {
    let mut is_reported = false;
    for (method, hook) in service.hooks() {
        if let (Some(event), Some(attr)) = (hook.event, method.own_attrs.first()) {
            if std::mem::replace(&mut is_reported, true) {
                method.sink.mark_failed();
                continue;
            }
            let event = hook::name(event);
            let message = format!(
                "`#[on({event})]` must be in the same `#[service]` block as the handlers: move it to the block with the `#[request]`, the `#[session]` or the `#[state]`s"
            );
            method.sink.error(attr, message);
        }
    }
    for option in [&service.request, &service.response].into_iter().flatten() {
        if std::mem::replace(&mut is_reported, true) {
            continue;
        }
        let key = &option.key;
        let message = format!(
            "`{key}` must be in the same `#[service]` block as the handlers: move it to the block with the \
             `#[request]`, the `#[session]` or the `#[state]`s"
        );
        service.sink.error(key, message);
    }
}

/// Rejects `last: ChatState` in `#[on(disconnect)]`.
fn last_states(service: &Service) {
    let Some(states) = &service.states else { return };
    for (method, hook) in service.hooks().filter(|(_, hook)| hook.event == Some(HookEvent::Disconnect)) {
        let owned = [&hook.conn, &hook.last].into_iter().flatten().chain(&hook.ends);
        for param in owned.filter(|param| states.is(&param.written.ty)) {
            let states = &states.ident;
            let message = format!(
                "the last state must be an `Option`, because a handler that was running has taken it: write `last: Option<{states}>`"
            );
            method.sink.error(&param.written, message);
        }
    }
}

/// Rejects a parameter `conn: &mut C` without an `#[on(connect)]` hook that makes a `C`.
fn connection_values(service: &Service) {
    if service.hooks().any(|(_, hook)| hook.event == Some(HookEvent::Connect)) {
        return;
    }
    // In a method with another error, the parameter may not be the connection's value. A hook with
    // an unknown event may be the one that makes it.
    let mut is_reported = service.hooks().any(|(_, hook)| hook.event.is_none());
    for (method, conn) in connection_params(service).filter(|(method, _)| !method.sink.has_errors()) {
        if std::mem::replace(&mut is_reported, true) {
            method.sink.mark_failed();
            continue;
        }
        let message = match conn.is_named("Peer") {
            true => "the peer must be a shared reference: write `&Peer<Response>`",
            false => {
                "this parameter takes the connection's value, but no `#[on(connect)]` hook makes one: write `#[on(connect)] async fn connected(&self) -> Conn`, or remove the parameter"
            }
        };
        method.sink.error(&conn.written, message);
    }
}

fn connection_params(service: &Service) -> impl Iterator<Item = (&Method, &Param)> {
    let of_handlers = service.handlers().map(|(method, Handler { conn, .. })| (method, conn));
    let of_moves = service.transition_handlers().map(|(method, transition)| (method, &transition.conn));
    let sides = [Side::Before, Side::After].into_iter();
    let of_arounds = sides
        .flat_map(|side| service.interceptors(side))
        .map(|(method, interceptor)| (method, &interceptor.conn));
    let of_hooks = service.hooks().map(|(method, Hook { conn, .. })| (method, conn));
    of_handlers.chain(of_moves).chain(of_arounds).chain(of_hooks).filter_map(|(method, conn)| {
        let conn = conn.as_ref()?;
        let ty = match &conn.shape {
            Shape::Shared(reference) | Shape::Exclusive(reference) => &reference.elem,
            Shape::Owned => &conn.written.ty,
        };
        // `()` needs no hook.
        (!is_unit(ty)).then_some((method, conn))
    })
}

/// Returns the types that `#[on(connect)]` hooks return.
fn connect_output(service: &Service) -> Vec<&Type> {
    service
        .hooks()
        .filter(|(_, hook)| hook.event == Some(HookEvent::Connect))
        .filter_map(|(_, hook)| match &hook.return_kind {
            ReturnKind::Plain(ty) | ReturnKind::Unresolved { ty, .. } => Some(ty),
            ReturnKind::Result { ok, .. } => Some(&**ok),
            ReturnKind::Unit | ReturnKind::ResultAlias(_) => None,
        })
        .collect()
}

fn is_among(connect_output: &[&Type], ty: &Type) -> bool {
    connect_output.iter().any(|connect_output| {
        connect_output.to_token_stream().to_string() == ty.to_token_stream().to_string()
    })
}

/// Rejects a `#[session]` handler whose last parameter has the type that `#[on(connect)]` returns:
/// the session is missing.
fn sessions(service: &Service) {
    let connect_output = connect_output(service);
    for (method, handler) in service.handlers() {
        let HandlerKind::Session { session: Some(last) } = &handler.kind else { continue };
        let Shape::Exclusive(reference) = &last.shape else { continue };
        if is_among(&connect_output, &reference.elem) {
            let (name, ty) = (&method.function.sig.ident, last.written.to_token_stream());
            let message = format!(
                "the last parameter of a `#[session]` handler must be the session, but this is the connection's value: write \
                 `async fn {name}(&self, {}, session: &mut Session<Request, Response>) -> Result<(), Error>`",
                ty.to_string().replace(" :", ":").replace("& ", "&")
            );
            method.sink.error(&last.written, message);
        }
    }
}
