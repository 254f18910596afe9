//! Finds a plain `fn` with `&self` that calls a method with `self: &Arc<Self>`. rustc reports only
//! that there is no such method.

use crate::{
    model::{Method, Receiver, Role, Service},
    report::{Lint, Warning},
    tokens::{Walk, walk},
};
use proc_macro2::Ident;
use quote::ToTokens;

/// Returns the methods of the block whose receiver becomes `self: &Arc<Self>`.
pub(super) fn methods(service: &Service) -> Vec<Ident> {
    let needs = |method: &&Method| {
        let shared = matches!(method.function.receiver, Receiver::Shared(_) | Receiver::Arc(_));
        shared && matches!(method.role, Role::Blocking(_) | Role::Helper) && !method.is_conditional()
    };
    service.methods().filter(needs).map(|method| method.function.sig.ident.clone()).collect()
}

/// Finds each `self.method(..)` in a plain `fn` with `&self`.
pub(super) fn find(method: &Method, methods: &[Ident]) -> Vec<Warning> {
    let function = &method.function;
    let plain = matches!(method.role, Role::Plain) && function.sig.asyncness.is_none();
    let has_none = matches!(function.receiver, Receiver::Shared(_)) && function.incomplete.is_none();
    if !(plain && has_none) || method.sink.has_errors() {
        return Vec::new();
    }
    let mut found = Vec::new();
    walk(function.body.stream(), &mut |site| {
        if site.is_foreign() {
            return Walk::Skip;
        }
        if let Some(call) = site.self_call().filter(|call| methods.contains(call.name)) {
            found.push(Warning { lint: Lint::ArcMissing, at: call.name.to_token_stream() });
        }
        Walk::Enter
    });
    found
}
