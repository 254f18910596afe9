//! Rules of `#[request]` and `#[session]`.

use super::reports;
use quote::quote;

#[test]
fn a_service_has_one_handler() {
    let request = quote!(
        #[request]
        async fn r(&self, r: Req) -> Rsp {}
    );
    reports(
        quote!(#request #[request] async fn q(&self, r: Req) -> Rsp {}),
        &["one `#[request]` handler, and `r` already is one"],
    );
    reports(
        quote!(#request #[session] async fn q(&self, s: &mut Session<A, B>) {}),
        &["can't mix handler kinds, and `r` is a `#[request]`"],
    );
    reports(quote!(#[cfg(a)] #request #[cfg(not(a))] #request), &[]);
}

#[test]
fn request_handlers_take_the_request() {
    reports(
        quote!(
            #[request]
            async fn r(&self) -> Rsp {}
        ),
        &["must take the request by value"],
    );
    reports(
        quote!(
            #[request]
            async fn r(&self, peer: &Peer<Rsp>) -> Rsp {}
        ),
        &["must take the request by value"],
    );
    reports(
        quote!(
            #[request]
            async fn r(&self, r: &Req) -> Rsp {}
        ),
        &["the request must be the last parameter, by value"],
    );
    reports(
        quote!(
            #[request]
            async fn r(&self, r: Cow<'_, str>) -> Rsp {}
        ),
        &["contains a reference (`'_`)"],
    );
    reports(
        quote!(
            #[request]
            async fn r(&self, a: A, r: Req) -> Rsp {}
        ),
        &["unexpected parameter"],
    );
    reports(
        quote!(
            #[request(send_result)]
            async fn r(&self, r: Req) -> Vec<Rsp> {}
        ),
        &["`send_result` requires a `Result`"],
    );
    reports(
        quote!(
            #[request]
            async fn r(&self, r: Req) -> &str {}
        ),
        &["the response is a reference"],
    );
}

#[test]
fn session_handlers_take_the_session() {
    reports(
        quote!(
            #[session]
            async fn s(&self) {}
        ),
        &["must take the session as its last parameter"],
    );
    reports(
        quote!(
            #[session]
            async fn s(&self, s: &mut Vec<u8>) {}
        ),
        &["must be the session: write"],
    );
    reports(
        quote!(
            #[session]
            async fn s(&self, p: &Peer<B>, s: &mut Session<A, B>) {}
        ),
        &["`session.peer()`"],
    );
    reports(
        quote!(
            #[session]
            async fn s(&self, s: &mut Session<A, B>) -> u8 {}
        ),
        &["must return `()` or `Result<(), Error>`"],
    );
    reports(
        quote!(
            #[session]
            async fn s(&self, s: &mut Session<A, B>) -> Result<B, E> {}
        ),
        &["write `()`"],
    );
}

#[test]
fn handlers_are_async() {
    reports(
        quote!(
            #[request]
            fn r(&self, r: Req) -> Rsp {}
        ),
        &["write `async fn r`"],
    );
    reports(
        quote!(
            #[request]
            async fn r(r: Req) -> Rsp {}
        ),
        &["write `&self` as its first parameter"],
    );
    reports(
        quote!(
            #[request]
            async fn r(&mut self, r: Req) -> Rsp {}
        ),
        &["must take `&self`"],
    );
    reports(
        quote!(
            #[request]
            async fn r<T>(&self, r: T) -> Rsp {}
        ),
        &["can't be generic"],
    );
    reports(
        quote!(
            #[request]
            async unsafe fn r(&self, r: Req) -> Rsp {}
        ),
        &["remove `unsafe`"],
    );
    reports(
        quote!(
            async fn h(&mut self) {}
        ),
        &["async method of a service must take `&self`"],
    );
}
