//! The rules of `#[on(..)]`.

use super::{function, handler::is_unit};
use crate::{
    model::{Hook, Method, Outcome},
    names::Word,
    parse::Event,
};

pub(super) fn check(method: &Method, hook: &Hook) {
    if let Some(second) = &hook.second {
        method.sink.error(second, "a hook handles only one event: move the other to another method");
    }
    let Some(event) = hook.event else {
        if let (false, Some(mark)) = (hook.mistaken, method.marks.first()) {
            method.sink.error(
                mark,
                format!("`#[on]` needs an event: write `#[on(..)]` with one of {}", Word::On.list()),
            );
        }
        return;
    };
    let what = format!("an `#[on({})]` hook", name(event));
    function::qualifiers(method, &what);
    function::on_the_loop(method, &what);
    let expected = format!("async fn {}{}", method.function.sig.ident, signature(event));
    function::strays(method, &hook.strays, &what, &expected);
    for owned in [&hook.conn, &hook.state, &hook.last].into_iter().flatten().chain(&hook.ends) {
        if matches!(owned.shape, crate::model::Shape::Owned) {
            function::owned(method, &owned.written.ty, "this parameter", "the hook is given it by value");
        }
    }
    result(method, hook, event);
}

pub(super) fn name(event: Event) -> &'static str {
    match event {
        Event::Start => "start",
        Event::Connect => "connect",
        Event::Error => "error",
        Event::Disconnect => "disconnect",
        Event::Stop => "stop",
        Event::Timeout => "timeout",
    }
}

fn signature(event: Event) -> &'static str {
    match event {
        Event::Start => "(&self, [cleanup: &mut Cleanup]) [-> Result<(), Error>]",
        Event::Connect => "(&self, [peer: &Peer<Response>]) -> Conn",
        Event::Error => {
            "(&self, [peer: &Peer<Response>,] [conn: &mut Conn,] error: SessionError<Error>) -> \
             ControlFlow<Reason, Response>"
        }
        Event::Disconnect => {
            "(&self, [peer: &Peer<Response>,] [conn: Conn,] [last: Option<State>,] [reason: Reason])"
        }
        Event::Stop | Event::Timeout => "(&self)",
    }
}

fn result(method: &Method, hook: &Hook, event: Event) {
    let sink = &method.sink;
    let output = method.function.output();
    match (event, &hook.outcome) {
        (Event::Start, Outcome::Plain(ty)) if !is_unit(ty) => {
            sink.error(ty, "an `#[on(start)]` hook must return `()` or `Result<(), Error>`");
        }
        (Event::Connect, _) => {
            if let Some(ty) = output {
                function::owned(method, ty, "the connection's value", "it lives as long as the connection");
            }
        }
        (Event::Error, outcome) => {
            let message = "an `#[on(error)]` hook must return `ControlFlow<Reason, Response>`";
            match (outcome, output) {
                (Outcome::Unit, _) | (_, None) => sink.error(&method.function.sig.ident, message),
                (Outcome::Written { .. }, Some(ty)) => sink.error(ty, message),
                (_, Some(ty)) if crate::model::is_of_std(ty) => sink.error(ty, message),
                _ => {}
            }
        }
        (Event::Disconnect | Event::Stop, _) => {
            if let Some(ty) = output.filter(|ty| !is_unit(ty)) {
                let why = match event {
                    Event::Disconnect => "the connection is closed",
                    _ => "the server has stopped",
                };
                let message = format!("an `#[on({})]` hook must return `()`, because {why}", name(event));
                sink.error(ty, message);
            }
        }
        _ => {}
    }
}
