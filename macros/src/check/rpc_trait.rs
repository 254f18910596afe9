//! Rules of a trait under `#[rpc]`.

use super::{function, rpc};
use crate::{
    model::{CallTrait, Method, Param, Receiver, Reply, Rpc, Shape, owned_form},
    parse::is_terminated,
    tokens::{find_ident, to_text},
};
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::GenericParam;

const WHAT: &str = "a call";

/// Checks a trait of calls: the trait, each method, then the methods together.
pub(crate) fn check(written: &CallTrait) {
    if !crate::HAS_RPC {
        let message =
            "`#[rpc]` needs the feature `rpc` of portcullis: add it in Cargo.toml, `features = [\"rpc\"]`";
        return written.sink.error(&written.head.ident, message);
    }
    // The compiler has reported an item that is being typed.
    if written.unparsed.iter().any(|tokens| !is_terminated(tokens)) {
        written.sink.silence();
    }
    head(written);
    for other in &written.others {
        let first: TokenStream = other.clone().into_iter().take(1).collect();
        let message = "a trait of calls has only methods: move this item out of the trait";
        written.sink.error(first, message);
    }
    for one in &written.methods {
        if let Some(default) = &one.default {
            let message = "a method of a trait of calls has no body, because a service handles the call: write `;` in its place";
            one.method.sink.push(syn::Error::new(default.span_open(), message));
        }
    }
    for (method, call) in written.calls() {
        self::method(method, call);
    }
    if written.methods.is_empty() && written.others.is_empty() && written.unparsed.is_empty() {
        let message = "a trait of calls needs a method: write `async fn name(&self, ..) -> Type;` in it";
        written.sink.error(&written.head.ident, message);
    }
    rpc::names(written.calls());
    rpc::numbers(written.calls());
}

/// Rejects what a client could not know, and what says more than the calls.
fn head(written: &CallTrait) {
    let (head, sink) = (&written.head, &written.sink);
    let generics = &head.generics;
    let message =
        "a trait of calls can't be generic, because a service has one set of calls: use concrete types";
    if !generics.params.is_empty() {
        sink.error(&generics.params, message);
    } else if let Some(clause) = &generics.where_clause {
        sink.error(clause, message);
    }
    if !head.supertraits.is_empty() {
        let message =
            "a trait of calls can't have supertraits, because only `#[service]` implements it: remove them";
        sink.error(&head.supertraits, message);
    }
    if let Some(token) = &head.unsafety {
        sink.error(token, "a trait of calls can't be `unsafe`: remove `unsafe`");
    }
}

fn method(method: &Method, call: &Rpc) {
    if let Some(attr) = method.own_attrs.iter().find(|attr| *attr != "rpc") {
        let message = format!(
            "the service decides how it handles a call: move `#[{attr}]` to its method, and leave only the signature here"
        );
        return method.sink.error(attr, message);
    }
    if let Some(again) = method.own_attrs.get(1) {
        return method.sink.error(again, "`#[rpc]` is written twice: remove one of the two");
    }
    function::qualifiers(method, WHAT);
    receiver(method);
    rpc::not_generic(method);
    lifetimes(method);
    references(method, call);
    rpc::parameters(method, call, true);
    rpc::result(method);
    rpc::name(method, call);
    if let (Reply::Uninterrupted { ok }, Some(output)) = (&call.reply, method.function.output()) {
        let message = format!(
            "a job without a result is a `Failure` of the call, whatever the method returns: write `-> {}`",
            to_text(ok)
        );
        method.sink.error(output, message);
    }
    if !method.sink.has_errors() {
        without_self(method, call);
    }
}

fn receiver(method: &Method) {
    function::shared_receiver(method, WHAT);
    if let Receiver::Arc(written) = &method.function.receiver {
        let message = "a client has no `Arc` of the service: write `&self` here; the service may write `self: &Arc<Self>`";
        method.sink.error(written, message);
    }
}

fn lifetimes(method: &Method) {
    let is_lifetime = |param: &&GenericParam| matches!(param, GenericParam::Lifetime(_));
    if let Some(param) = method.function.sig.generics.params.iter().find(is_lifetime) {
        let message = "the parameters and results of calls are owned, and need no lifetime: remove it";
        method.sink.error(param, message);
    }
}

/// Rejects references except `rows: &Sender<Row>`: they are for the methods of a service.
fn references(method: &Method, call: &Rpc) {
    let borrowed = [&call.peer, &call.conn].into_iter().flatten().chain(&call.unmatched);
    for param in borrowed {
        let role = match param.is_named("Worker") {
            true => Some("worker"),
            false => is_peer(param).then_some("peer"),
        };
        let message = match role {
            Some(role) => format!(
                "a client passes no {role}: remove this parameter here, and leave it in the method of the service"
            ),
            None => by_value(param),
        };
        method.sink.error(&param.written, message);
    }
}

fn is_peer(param: &Param) -> bool {
    match &param.shape {
        Shape::Shared(reference) => to_text(&reference.elem).ends_with("Peer"),
        _ => false,
    }
}

fn by_value(param: &Param) -> String {
    let ty = match &param.shape {
        Shape::Shared(reference) | Shape::Exclusive(reference) => &reference.elem,
        Shape::Owned => &param.written.ty,
    };
    let owned = owned_form(ty).unwrap_or_else(|| to_text(ty));
    format!(
        "the parameters of a call come from the client and are passed by value: write `{}: {owned}` (the connection's value is a \
         parameter of the service's method only)",
        to_text(&param.written.pat)
    )
}

/// Rejects `Self`, which is the type of the service.
fn without_self(method: &Method, call: &Rpc) {
    let types = call.params.iter().map(|param| &*param.written.ty).chain(method.function.output());
    let mut sent = call.sender.iter().map(|param| &*param.written.ty).chain(types);
    let found = sent.find_map(|ty| find_ident(ty.to_token_stream(), "Self"));
    if let Some(found) = found {
        let message =
            "`Self` is the type of the service, which a client does not know: write the name of a type";
        method.sink.error(found, message);
    }
}
