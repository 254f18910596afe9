//! Rules of `#[request]` and `#[session]`.

use super::function;
use crate::{
    model::{Handler, HandlerKind, Method, Param, ReturnKind, Shape, peel},
    tokens::to_text,
};
use proc_macro2::Ident;
use syn::Type;

pub(super) fn check(method: &Method, handler: &Handler) {
    let what = format!("a `{}` handler", handler.attribute());
    function::qualifiers(method, &what);
    function::on_the_loop(method, &what);
    match &handler.kind {
        HandlerKind::Request { request, send_result, .. } => {
            self::request(method, handler, request.as_ref(), send_result.as_ref())
        }
        HandlerKind::Session { session } => self::session(method, handler, session.as_ref()),
    }
}

fn request(method: &Method, handler: &Handler, request: Option<&Param>, send_result: Option<&Ident>) {
    let (request_written, response) = match handler.batch() {
        Some(_) => ("requests: Vec<Request>", "Vec<Response>"),
        None => ("request: Request", "Response"),
    };
    let expected = format!(
        "async fn {}(&self, [peer: &Peer<Response>,] [conn: &mut Conn,] {request_written}) -> {response}",
        method.function.sig.ident
    );
    match (request, method.function.params.last()) {
        (Some(request), _) => {
            function::unmatched(method, &handler.unmatched, "a `#[request]` handler", &expected);
            function::owned(
                method,
                &request.written.ty,
                "the request",
                "it goes from the connection to the handler",
            );
            if handler.request_type(request).is_none() {
                let ty = to_text(&request.written.ty);
                let message = format!("a handler with `batch` takes several requests: write `Vec<{ty}>`");
                method.sink.error(&request.written.ty, message);
            }
        }
        // The last parameter is meant as the request if it is neither the peer nor the
        // connection's value.
        (None, Some(last)) if !handler.unmatched.is_empty() || !is_other_role(last) => {
            let suggestion = format!("the request must be the last parameter, by value: write `{expected}`");
            method.sink.error(&last.written, suggestion);
        }
        (None, _) => {
            let message = format!(
                "a `#[request]` handler must take the request by value as its last parameter: write `{expected}`"
            );
            method.sink.error(&method.function.sig.ident, message);
        }
    }
    let output = method.function.output();
    // `fn f(..) -> impl Future` is already reported as not `async`.
    let is_reported = method.function.sig.asyncness.is_none() && output.is_some_and(is_future);
    if let Some(ty) = output.filter(|_| !is_reported) {
        function::owned(method, ty, "the response", "it goes out after the handler is done");
    }
    if let (Some(send_result), Some(_)) = (send_result, handler.batch()) {
        let message = "`send_result` doesn't apply to a list: remove it, and return a `Vec<Result<T, E>>` to respond with a \
                       `Result` to each request";
        method.sink.error(send_result, message);
    } else if let Some(send_result) = send_result {
        if !ReturnKind::by_type(method.function.output(), &[]).may_fail() {
            method
                .sink
                .error(send_result, "`send_result` requires a `Result` return type: remove `send_result`");
        }
    }
}

/// Whether the type is `impl Future<..>`, `Pin<Box<dyn Future<..>>>` or `BoxFuture<'_, T>`.
fn is_future(ty: &Type) -> bool {
    match peel(ty) {
        Type::ImplTrait(_) => true,
        Type::Path(path) => {
            let last = path.path.segments.last();
            last.is_some_and(|last| {
                ["Pin", "BoxFuture", "LocalBoxFuture"].iter().any(|name| last.ident == name)
            })
        }
        _ => false,
    }
}

/// Whether the parameter is the peer or the connection's value, so that the request is missing and
/// not borrowed.
fn is_other_role(param: &Param) -> bool {
    match &param.shape {
        Shape::Shared(_) => param.is_named("Peer"),
        Shape::Exclusive(_) => true,
        Shape::Owned => false,
    }
}

fn session(method: &Method, handler: &Handler, session: Option<&Param>) {
    const EXPECTED: &str =
        "(&self, [conn: &mut Conn,] session: &mut Session<Request, Response>) -> Result<(), Error>";
    let expected = format!("async fn {}{EXPECTED}", method.function.sig.ident);
    let surely_not = |param: &&Param| match &param.shape {
        Shape::Exclusive(reference) => crate::model::is_of_std(&reference.elem),
        _ => false,
    };
    if let (None, Some(shared)) = (session, handler.shared_session(&method.function)) {
        let message = "the session must be a mutable reference: write `&mut Session<Request, Response>`";
        return method.sink.error(&shared.written.ty, message);
    }
    match (session, &handler.peer) {
        (Some(other), _) if surely_not(&other) => {
            let message = format!(
                "the last parameter of a `#[session]` handler must be the session: write `{expected}`"
            );
            method.sink.error(&other.written, message);
        }
        (None, _) => {
            let message = format!(
                "a `#[session]` handler must take the session as its last parameter: write `{expected}`"
            );
            match method.function.params.last() {
                Some(last) => method.sink.error(&last.written, message),
                None => method.sink.error(&method.function.sig.ident, message),
            }
        }
        (Some(_), Some(peer)) => {
            method.sink.error(
                &peer.written,
                "a `#[session]` handler takes no peer: remove this parameter and use `session.peer()`",
            );
        }
        (Some(_), None) => {
            function::unmatched(method, &handler.unmatched, "a `#[session]` handler", &expected)
        }
    }
    match &handler.return_kind {
        ReturnKind::Plain(ty) if !is_unit(ty) => {
            method.sink.error(ty, "a `#[session]` handler must return `()` or `Result<(), Error>`");
        }
        ReturnKind::Result { ok, .. } if !is_unit(ok) => {
            method
                .sink
                .error(ok, "a `#[session]` handler sends its responses with `session.send(..)` and must return `()`: write `()`");
        }
        _ => {}
    }
}

pub(super) fn is_unit(ty: &Type) -> bool {
    matches!(peel(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}
