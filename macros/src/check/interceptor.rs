//! Rules of `#[before]` and `#[after]`.

use super::function;
use crate::model::{Handler, HandlerKind, Interceptor, Method, ReturnKind, Service, Side, is_of_std};
use quote::ToTokens;
use syn::Type;

pub(super) fn check(method: &Method, interceptor: &Interceptor) {
    let what = format!("a `{}` method", interceptor.attribute()).replace("a `#[a", "an `#[a");
    function::qualifiers(method, &what);
    function::on_the_loop(method, &what);
    let name = &method.function.sig.ident;
    let expected = match interceptor.side {
        Side::Before => format!(
            "async fn {name}(&self, [peer: &Peer<Response>,] [conn: &mut Conn,] request: Request) -> \
             ControlFlow<Response, Request>"
        ),
        Side::After => {
            format!("async fn {name}(&self, [peer: &Peer<Response>,] [conn: &mut Conn,] response: &Response)")
        }
    };
    match (&interceptor.message, method.function.params.last()) {
        (Some(message), _) => {
            if !interceptor.is_of_calls {
                function::unmatched(method, &interceptor.unmatched, &what, &expected);
            }
            if interceptor.side == Side::Before {
                function::owned(method, &message.written.ty, "the request", "it goes on to the handler");
            }
        }
        (None, last) => {
            let message = match interceptor.side {
                Side::Before => "must take the request by value as its last parameter and return it",
                Side::After => "must take the response by reference as its last parameter",
            };
            let message = format!("{what} {message}: write `{expected}`");
            match last {
                Some(last) => method.sink.error(&last.written, message),
                None => method.sink.error(name, message),
            }
        }
    }
    result(method, interceptor, &expected);
}

fn result(method: &Method, interceptor: &Interceptor, expected: &str) {
    let sink = &method.sink;
    match (interceptor.side, &interceptor.return_kind, method.function.output()) {
        (Side::Before, ReturnKind::Unit, _) | (Side::Before, _, None) => sink.error(
            &method.function.sig.ident,
            format!("a `#[before]` method must return `ControlFlow<Response, Request>`: write `{expected}`"),
        ),
        (Side::Before, ReturnKind::Plain(ty), _) if is_of_std(ty) => {
            sink.error(
                ty,
                format!(
                    "a `#[before]` method must return `ControlFlow<Response, Request>`: write `{expected}`"
                ),
            );
        }
        // In `Result<Request, Response>`, the response would be the error that ends the session.
        (Side::Before, ReturnKind::Result { ok, .. }, Some(ty))
            if is_of_std(ok) || is_the_request(interceptor, ok) =>
        {
            sink.error(
                ty,
                format!(
                    "a `#[before]` method must return `ControlFlow<Response, Request>`: write `{expected}`"
                ),
            );
        }
        (Side::After, ReturnKind::Unresolved { .. }, _) => {}
        (Side::After, return_kind, Some(ty)) if !return_kind.ok().is_some_and(super::handler::is_unit) => {
            sink.error(ty, "an `#[after]` method must return `()` or `Result<(), Error>`");
        }
        _ => {}
    }
}

fn is_the_request(interceptor: &Interceptor, ty: &Type) -> bool {
    let text = |ty: &Type| ty.to_token_stream().to_string();
    interceptor.message.as_ref().is_some_and(|request| text(&request.written.ty) == text(ty))
}

/// The handler of the block that takes several requests.
fn batches(service: &Service) -> Option<(&Method, &Handler)> {
    service.handlers().find(|(_, handler)| handler.batch().is_some())
}

/// Rejects a second interceptor, and interceptors in a block with a `#[session]` or no handler.
pub(super) fn service(service: &Service) {
    for side in [Side::Before, Side::After] {
        let mut interceptors = service.interceptors(side);
        let Some((first, interceptor)) = interceptors.next() else { continue };
        for (method, again) in interceptors {
            if first.is_conditional() && method.is_conditional() {
                continue;
            }
            if let Some(attr) = method.own_attrs.first() {
                let (name, attribute) = (&first.function.sig.ident, again.attribute());
                method.sink.error(
                    attr,
                    format!("a service can have only one `{attribute}` method, and `{name}` already is one: merge the two"),
                );
            }
        }
        let Some(attr) = first.own_attrs.first() else { continue };
        let attribute = interceptor.attribute();
        let session =
            service.handlers().find(|(_, handler)| matches!(handler.kind, HandlerKind::Session { .. }));
        if let Some((handler, _)) = session {
            let name = &handler.function.sig.ident;
            let message = format!(
                "`{attribute}` doesn't apply to `#[session]` services, which read requests themselves: remove the attribute and call this method from `{name}`"
            );
            first.sink.error(attr, message);
        } else if let Some((handler, _)) = batches(service).filter(|_| side == Side::Before) {
            let name = &handler.function.sig.ident;
            let message = format!(
                "`{attribute}` doesn't apply to a handler with `batch`, whose requests are answered together: remove the attribute and \
                 call this method from `{name}`"
            );
            first.sink.error(attr, message);
        } else if !service.has_handlers() {
            let message = format!(
                "`{attribute}` must be in the same `#[service]` block as the handlers: move it to the block with the \
                 `#[request]` or the `#[state]`s"
            );
            first.sink.error(attr, message);
        }
    }
}
