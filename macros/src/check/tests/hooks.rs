//! Rules of `#[on(..)]` and of the block as a whole.

use super::{block, reports};
use proc_macro2::TokenStream;
use quote::quote;

#[test]
fn signatures_of_hooks_are_checked() {
    let with = |hook: TokenStream| quote!(#[request] async fn r(&self, r: Req) -> Rsp {} #hook);
    reports(
        with(quote!(
            #[on]
            async fn h(&self) {}
        )),
        &["`#[on]` needs an event"],
    );
    reports(
        with(quote!(
            #[on(stp)]
            async fn h(&self) {}
        )),
        &["did you mean `stop`?"],
    );
    reports(
        with(quote!(
            #[on(timeout = idle)]
            async fn h(&self) {}
        )),
        &["`#[on(timeout)]` requires a state machine"],
    );
    reports(
        with(quote!(
            #[on(stop, start)]
            async fn h(&self) {}
        )),
        &["only one event"],
    );
    reports(
        with(quote!(
            #[on(stop)]
            async fn h(&self, x: u8) {}
        )),
        &["unexpected parameter"],
    );
    reports(
        with(quote!(
            #[on(stop)]
            async fn h(&self) -> u8 {}
        )),
        &["must return `()`"],
    );
    reports(
        with(quote!(
            #[on(start)]
            async fn h(&self) -> u8 {}
        )),
        &["must return `()` or `Result"],
    );
    reports(
        with(quote!(
            #[on(error)]
            async fn h(&self, e: E) {}
        )),
        &["ControlFlow<Reason, Response>"],
    );
    reports(
        with(quote!(
            #[on(error)]
            async fn h(&self, e: E) -> Result<Rsp, E> {}
        )),
        &["ControlFlow<Reason, Response>"],
    );
    reports(
        with(quote!(
            #[on(connect)]
            async fn c(&self) -> Name {}
            #[on(disconnect)]
            async fn h(&self, name: Name) {}
        )),
        &[],
    );
    reports(
        with(quote!(
            #[on(connect)]
            async fn h(&self) -> &str {}
        )),
        &["the connection's value is a reference"],
    );
    reports(
        with(quote!(
            #[on(stop)]
            async fn h(&self) {}
            #[on(stop)]
            async fn i(&self) {}
        )),
        &["`h` already is one"],
    );
    reports(
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
    reports(
        quote!(
            #[on(stop)]
            async fn h(&self) {}
        ),
        &["the same `#[service]` block as the handlers"],
    );
}

#[test]
fn the_connections_value_needs_a_connect_hook() {
    reports(
        quote!(
            #[request]
            async fn r(&self, c: &mut Conn, r: Req) -> Rsp {}
        ),
        &["no `#[on(connect)]` hook makes one"],
    );
    reports(
        quote!(
            #[request]
            async fn r(&self, c: &mut (), r: Req) -> Rsp {}
        ),
        &[],
    );
}

#[test]
fn type_options_need_a_handler() {
    let messages = block(quote!(request = Req), quote!());
    assert!(
        messages.len() == 1
            && messages.iter().all(|message| message.contains("the same `#[service]` block as the handlers")),
        "{messages:?}"
    );
}
