//! A plain `fn` with `&self` that calls a method which needs the service's `Arc`: rustc says only
//! that there is no such method.

use super::level::is_mark;
use crate::model::{Method, Receiver, Role, Service};
use crate::report::{Lint, Warning};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;

/// The methods of the block that `#[service]` gives `self: &Arc<Self>`.
pub(super) fn methods(service: &Service) -> Vec<Ident> {
    let needs = |method: &&Method| {
        let shared = matches!(method.function.receiver, Receiver::Shared(_) | Receiver::Arc(_));
        shared && matches!(method.role, Role::Blocking(_) | Role::Helper) && !method.is_conditional()
    };
    service.methods().filter(needs).map(|method| method.function.sig.ident.clone()).collect()
}

/// Each `self.method(..)` in a plain `fn` that has no `Arc`.
pub(super) fn find(method: &Method, methods: &[Ident]) -> Vec<Warning> {
    let function = &method.function;
    let plain = matches!(method.role, Role::Plain) && function.sig.asyncness.is_none();
    let has_none = matches!(function.receiver, Receiver::Shared(_)) && function.incomplete.is_none();
    let mut found = Vec::new();
    if plain && has_none && !method.sink.has_errors() {
        calls(function.body.stream(), methods, &mut found);
    }
    found
}

fn calls(body: TokenStream, methods: &[Ident], found: &mut Vec<Warning>) {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let mut foreign = false;
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            // A nested `impl` or `trait` has a `self` of its own.
            TokenTree::Ident(word) if word == "impl" || word == "trait" => foreign = true,
            TokenTree::Group(group) if foreign && group.delimiter() == Delimiter::Brace => foreign = false,
            TokenTree::Group(group) if !super::dropped_job::is_of_macro(&trees, at) => {
                if let [.., TokenTree::Ident(own), dot, TokenTree::Ident(name)] = &trees[..at] {
                    let is_call = own == "self" && is_mark(Some(dot), '.');
                    if is_call && group.delimiter() == Delimiter::Parenthesis && methods.contains(name) {
                        found.push(Warning { lint: Lint::ArcMissing, at: name.to_token_stream() });
                    }
                }
                calls(group.stream(), methods, found);
            }
            _ => {}
        }
    }
}
