//! Rules of all functions with an attribute: qualifiers, receiver, generics.

use crate::{
    model::{Borrow, Function, Method, Param, Receiver, Role, Shape, owned_form, sized_form},
    tokens::to_text,
};
use proc_macro2::Ident;
use syn::{GenericParam, Safety, Type};

/// Rejects two attributes on one method, except `#[rpc]` with `#[blocking]`.
pub(super) fn one_attribute(method: &Method) {
    let [first, rest @ ..] = method.own_attrs.as_slice() else { return };
    if method.sink.has_errors() {
        return;
    }
    let is_call_and_job =
        |again: &Ident| first == "rpc" && again == "blocking" || first == "blocking" && again == "rpc";
    for (i, again) in rest.iter().enumerate() {
        let message = if again == first || rest[..i].contains(again) {
            format!("`#[{again}]` is written twice: remove one of the two")
        } else if is_call_and_job(again) {
            continue;
        } else {
            format!(
                "`#[{first}]` and `#[{again}]` can't be used on the same method: move `#[{again}]` to another method"
            )
        };
        method.sink.error(again, message);
    }
}

/// Checks a method without an attribute.
pub(super) fn plain(method: &Method) {
    let Receiver::Exclusive(written) = &method.function.receiver else { return };
    if method.function.sig.asyncness.is_some() {
        method.sink.error(
            written,
            "an async method of a service must take `&self`, because connections share the service: put what changes into an atomic or \
             a `Mutex`, \
             or move this method to an `impl` block without `#[service]`",
        );
    }
}

/// Rejects `const`, `unsafe`, `extern "C"` and `...`, because generated code calls the function.
pub(super) fn qualifiers(method: &Method, what: &str) {
    let sig = &method.function.sig;
    let sink = &method.sink;
    let message = |word: &str| format!("{what} can't be `{word}`: remove `{word}`");
    if let Some(token) = &sig.constness {
        sink.error(token, message("const"));
    }
    if let Safety::Unsafe(token) = &sig.safety {
        sink.error(token, message("unsafe"));
    }
    if let Some(abi) = &sig.abi {
        sink.error(abi, message("extern"));
    }
    if let Some(variadic) = &sig.variadic {
        sink.error(variadic, message("..."));
    }
    // With fewer `cfg`s, the function has been expanded for each case before.
    if let Some(cfg) = method.function.params.iter().find_map(Param::cfg) {
        let message = format!(
            "{what} is generated for each case of the `cfg`s on its parameters, and more than four are too many: \
             write the function twice, with the `cfg` on it"
        );
        sink.error(cfg, message);
    }
}

/// Checks a handler or hook, which must be an `async fn` with `&self`.
pub(super) fn on_the_loop(method: &Method, what: &str) {
    let sig = &method.function.sig;
    if sig.asyncness.is_none() {
        let message = format!(
            "{what} runs on the event loop and must be `async`: write `async fn {}`, and move code that blocks to a `#[blocking]` method",
            sig.ident
        );
        method.sink.error(sig.fn_token, message);
    }
    // A parameter `&Worker` is the library's type, because handlers borrow nothing else by `&`.
    let is_worker = |param: &&Param| matches!(param.shape, Shape::Shared(_)) && param.is_named("Worker");
    for worker in method.function.params.iter().filter(is_worker) {
        let message = "handlers run on the event loop and have no worker: remove this parameter, and `.await` a `#[blocking]` \
                       method for what blocks";
        method.sink.error(&worker.written, message);
    }
    shared_receiver(method, what);
    not_generic(method, what);
}

/// Checks that the receiver is `&self` or `self: &Arc<Self>`.
pub(super) fn shared_receiver(method: &Method, what: &str) {
    let Function { sig, receiver, .. } = &method.function;
    match receiver {
        Receiver::Shared(_) | Receiver::Arc(_) => {}
        Receiver::None => {
            method
                .sink
                .error(&sig.ident, format!("{what} must be a method: write `&self` as its first parameter"));
        }
        Receiver::Exclusive(written) => {
            let message = format!(
                "{what} must take `&self`, because connections share the service: put what it changes into an atomic, a `Mutex`, or the connection's value"
            );
            method.sink.error(written, message);
        }
        Receiver::Other(written) => {
            method.sink.error(
                written,
                format!("{what} must take `&self`, because connections share the service: write `&self`"),
            );
        }
    }
}

/// Rejects type and const parameters. Lifetimes are allowed, because generated code names none.
pub(super) fn not_generic(method: &Method, what: &str) {
    let sig = &method.function.sig;
    let named = |param: &&GenericParam| !matches!(param, GenericParam::Lifetime(_));
    if sig.generics.params.iter().any(|param| named(&param)) {
        let message = format!(
            "{what} can't be generic: use concrete types, or move the parameters to the `impl` block"
        );
        method.sink.error(&sig.generics.params, message);
    }
}

/// Rejects lifetime parameters, because a job may outlive them. Type parameters are allowed.
pub(super) fn no_lifetimes(method: &Method, what: &str) {
    let of_receiver = method.function.receiver.lifetime();
    for param in &method.function.sig.generics.params {
        if let GenericParam::Lifetime(param) = param {
            // Reported at the receiver.
            if of_receiver == Some(&param.lifetime) {
                continue;
            }
            let message = format!("{what} can't have lifetime parameters: take arguments by value");
            method.sink.error(param, message);
        }
    }
}

/// Reports a type that has no size, or contains a reference or `impl Trait`. Returns whether it
/// does not.
pub(super) fn owned(method: &Method, ty: &Type, place: &str, why: &str) -> bool {
    if let Some(sized) = sized_form(ty) {
        let message = format!("{place} must have a size, because {why}: write `{}`", to_text(&sized));
        method.sink.error(ty, message);
        return false;
    }
    match crate::model::find_borrow(ty) {
        None => return true,
        Some(Borrow::Reference(reference)) => {
            let suggestion = match owned_form(&reference.elem) {
                Some(form) => format!("write `{form}`"),
                None => "take it by value, or share it in an `Arc`".to_owned(),
            };
            method.sink.error(reference, format!("{place} is a reference, but {why}: {suggestion}"));
        }
        Some(Borrow::Lifetime(lifetime)) => {
            let message =
                format!("{place} contains a reference (`{lifetime}`), but {why}: use an owned type");
            method.sink.error(lifetime, message);
        }
        Some(Borrow::ImplTrait(opaque)) => {
            // Handlers can't have type parameters.
            let or = match method.role {
                Role::Blocking(_) => ", or add a type parameter",
                _ => "",
            };
            let message = format!("`impl Trait` isn't supported in {place}: write the type{or}");
            method.sink.error(opaque, message);
        }
    }
    false
}

/// Reports parameters that match none of the expected ones, once, with the expected signature.
pub(super) fn unmatched(method: &Method, unmatched: &[Param], what: &str, expected: &str) {
    if let Some(unmatched) = unmatched.first() {
        let message = format!("unexpected parameter in {what}: write `{expected}`");
        method.sink.error(&unmatched.written, message);
    }
}
