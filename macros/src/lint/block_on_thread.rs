//! Finds `block_on` in a blocking method, which should wait with its worker.

use crate::{
    model::{Method, Role, Service},
    report::{Lint, Warning},
    tokens::{Walk, is_punct, walk},
};
use proc_macro2::{Ident, TokenStream, TokenTree};

/// Returns the `async fn`s and jobs of the block.
pub(super) fn futures(service: &Service) -> Vec<Ident> {
    let is_future = |method: &&Method| matches!(method.role, Role::Helper | Role::Blocking(_));
    service.methods().filter(is_future).map(|method| method.function.sig.ident.clone()).collect()
}

/// Finds each `Handle::current().block_on(..)`, and each `block_on` of a method of this service.
/// Any other `block_on` may belong to another runtime, where it is correct.
pub(super) fn find(body: TokenStream, futures: &[Ident]) -> Vec<Warning> {
    let mut found = Vec::new();
    walk(body, &mut |site| {
        if site.context.closure || site.context.nested_fn {
            return Walk::Skip;
        }
        if let Some(called) = site.called().filter(|called| called.name == "block_on") {
            if is_current(called.before) || is_own(called.arguments.stream(), futures) {
                let at = TokenTree::Ident(called.name.clone()).into();
                found.push(Warning { lint: Lint::BlockOnAThread, at });
            }
        }
        Walk::Enter
    });
    found
}

/// Whether the tokens end with `Handle::current().`.
fn is_current(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Ident(handle), one, two, TokenTree::Ident(current), TokenTree::Group(empty), dot] => {
            let path = is_punct(Some(one), ':') && is_punct(Some(two), ':') && is_punct(Some(dot), '.');
            path && handle == "Handle" && current == "current" && empty.stream().is_empty()
        }
        _ => false,
    }
}

/// Whether the arguments are a call `self.f(..)` of one of these methods.
fn is_own(arguments: TokenStream, futures: &[Ident]) -> bool {
    let trees: Vec<TokenTree> = arguments.into_iter().collect();
    match trees.as_slice() {
        [TokenTree::Ident(own), dot, TokenTree::Ident(name), TokenTree::Group(_)] => {
            own == "self" && is_punct(Some(dot), '.') && futures.contains(name)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    #[test]
    fn block_on_of_the_loop_is_found() {
        let count = |text: &str| find(text.parse().expect(text), &[format_ident!("helper")]).len();
        for text in [
            "Handle::current().block_on(f())",
            "tokio::runtime::Handle::current().block_on(async { 1 })?",
            "futures::executor::block_on(self.helper(1))",
            "let n = block_on(self.helper(1))?;",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "self.runtime.block_on(client.get(url))",
            "block_on(f())",
            "runtime.block_on(self.client.get())",
            "let f = || Handle::current().block_on(g());",
            "Handle::current().spawn(f())",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
