//! `#[on(..)]`, and what a block as a whole needs.

use super::{block, says};
use proc_macro2::TokenStream;
use quote::quote;

#[test]
fn hooks_have_their_shapes() {
    let with = |hook: TokenStream| quote!(#[request] async fn r(&self, r: Req) -> Rsp {} #hook);
    says(
        with(quote!(
            #[on]
            async fn h(&self) {}
        )),
        &["`#[on]` needs an event"],
    );
    says(
        with(quote!(
            #[on(stp)]
            async fn h(&self) {}
        )),
        &["did you mean `stop`?"],
    );
    says(
        with(quote!(
            #[on(timeout = idle)]
            async fn h(&self) {}
        )),
        &["`#[on(timeout)]` requires a state machine"],
    );
    says(
        with(quote!(
            #[on(stop, start)]
            async fn h(&self) {}
        )),
        &["only one event"],
    );
    says(
        with(quote!(
            #[on(stop)]
            async fn h(&self, x: u8) {}
        )),
        &["unexpected parameter"],
    );
    says(
        with(quote!(
            #[on(stop)]
            async fn h(&self) -> u8 {}
        )),
        &["must return `()`"],
    );
    says(
        with(quote!(
            #[on(start)]
            async fn h(&self) -> u8 {}
        )),
        &["must return `()` or `Result"],
    );
    says(
        with(quote!(
            #[on(error)]
            async fn h(&self, e: E) {}
        )),
        &["ControlFlow<Reason, Response>"],
    );
    says(
        with(quote!(
            #[on(error)]
            async fn h(&self, e: E) -> Result<Rsp, E> {}
        )),
        &["ControlFlow<Reason, Response>"],
    );
    says(
        with(quote!(
            #[on(connect)]
            async fn c(&self) -> Name {}
            #[on(disconnect)]
            async fn h(&self, name: Name) {}
        )),
        &[],
    );
    says(
        with(quote!(
            #[on(connect)]
            async fn h(&self) -> &str {}
        )),
        &["the connection's value is a reference"],
    );
    says(
        with(quote!(
            #[on(stop)]
            async fn h(&self) {}
            #[on(stop)]
            async fn i(&self) {}
        )),
        &["`h` already is one"],
    );
    says(
        with(quote!(
            #[cfg(a)]
            #[on(stop)]
            async fn h(&self) {}
            #[cfg(b)]
            #[on(stop)]
            async fn i(&self) {}
        )),
        &[],
    );
    says(
        quote!(
            #[on(stop)]
            async fn h(&self) {}
        ),
        &["the same `#[service]` block as the handlers"],
    );
}

#[test]
fn the_connections_value_is_made_by_somebody() {
    says(
        quote!(
            #[request]
            async fn r(&self, c: &mut Conn, r: Req) -> Rsp {}
        ),
        &["no `#[on(connect)]` hook makes one"],
    );
    says(
        quote!(
            #[request]
            async fn r(&self, c: &mut (), r: Req) -> Rsp {}
        ),
        &[],
    );
}

#[test]
fn types_are_of_a_handler() {
    let messages = block(quote!(request = Req), quote!());
    assert!(
        messages.len() == 1
            && messages.iter().all(|message| message.contains("the same `#[service]` block as the handlers")),
        "{messages:?}"
    );
}
