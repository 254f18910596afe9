//! Rules of `#[on(..)]`.

use super::{function, handler::is_unit};
use crate::{
    attributes::AttrKind,
    model::{Hook, Method, ReturnKind},
    parse::HookEvent,
};

pub(super) fn check(method: &Method, hook: &Hook) {
    if let Some(second) = &hook.second {
        method.sink.error(second, "a hook handles only one event: move the other to another method");
    }
    let Some(event) = hook.event else {
        if let (false, Some(attr)) = (hook.is_invalid, method.own_attrs.first()) {
            method.sink.error(
                attr,
                format!("`#[on]` needs an event: write `#[on(..)]` with {}", AttrKind::On.list()),
            );
        }
        return;
    };
    let what = format!("an `#[on({})]` hook", name(event));
    function::qualifiers(method, &what);
    function::on_the_loop(method, &what);
    let expected = format!("async fn {}{}", method.function.sig.ident, signature(event));
    function::unmatched(method, &hook.unmatched, &what, &expected);
    for owned in [&hook.conn, &hook.state, &hook.last].into_iter().flatten().chain(&hook.ends) {
        if matches!(owned.shape, crate::model::Shape::Owned) {
            function::owned(method, &owned.written.ty, "this parameter", "the hook takes it by value");
        }
    }
    result(method, hook, event);
}

pub(super) fn name(event: HookEvent) -> &'static str {
    match event {
        HookEvent::Start => "start",
        HookEvent::Connect => "connect",
        HookEvent::Error => "error",
        HookEvent::Disconnect => "disconnect",
        HookEvent::Stop => "stop",
        HookEvent::Timeout => "timeout",
    }
}

fn signature(event: HookEvent) -> &'static str {
    match event {
        HookEvent::Start => "(&self, [cleanup: &mut Cleanup]) [-> Result<(), Error>]",
        HookEvent::Connect => "(&self, [peer: &Peer<Response>]) -> Conn",
        HookEvent::Error => {
            "(&self, [peer: &Peer<Response>,] [conn: &mut Conn,] error: SessionError<Error>) -> \
             ControlFlow<Reason, Response>"
        }
        HookEvent::Disconnect => {
            "(&self, [peer: &Peer<Response>,] [conn: Conn,] [last: Option<State>,] [reason: Reason])"
        }
        HookEvent::Stop | HookEvent::Timeout => "(&self)",
    }
}

fn result(method: &Method, hook: &Hook, event: HookEvent) {
    let sink = &method.sink;
    let output = method.function.output();
    match (event, &hook.return_kind) {
        (HookEvent::Start, ReturnKind::Plain(ty)) if !is_unit(ty) => {
            sink.error(ty, "an `#[on(start)]` hook must return `()` or `Result<(), Error>`");
        }
        (HookEvent::Connect, _) => {
            if let Some(ty) = output {
                function::owned(method, ty, "the connection's value", "it lives as long as the connection");
            }
        }
        (HookEvent::Error, return_kind) => {
            let message = "an `#[on(error)]` hook must return `ControlFlow<Reason, Response>`";
            match (return_kind, output) {
                (ReturnKind::Unit, _) | (_, None) => sink.error(&method.function.sig.ident, message),
                (ReturnKind::Result { .. }, Some(ty)) => sink.error(ty, message),
                (_, Some(ty)) if crate::model::is_of_std(ty) => sink.error(ty, message),
                _ => {}
            }
        }
        (HookEvent::Disconnect | HookEvent::Stop, _) => {
            if let Some(ty) = output.filter(|ty| !is_unit(ty)) {
                let why = match event {
                    HookEvent::Disconnect => "the connection is closed",
                    _ => "the server has stopped",
                };
                let message = format!("an `#[on({})]` hook must return `()`, because {why}", name(event));
                sink.error(ty, message);
            }
        }
        _ => {}
    }
}
