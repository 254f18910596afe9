//! Requests and sessions.

use super::says;
use quote::quote;

#[test]
fn handlers_are_one() {
    let request = quote!(
        #[request]
        async fn r(&self, r: Req) -> Rsp {}
    );
    says(
        quote!(#request #[request] async fn q(&self, r: Req) -> Rsp {}),
        &["one `#[request]` handler, and `r` already is one"],
    );
    says(
        quote!(#request #[session] async fn q(&self, s: &mut Session<A, B>) {}),
        &["can't mix handler kinds, and `r` is a `#[request]`"],
    );
    says(quote!(#[cfg(a)] #request #[cfg(not(a))] #request), &[]);
}

#[test]
fn requests_have_a_request() {
    says(
        quote!(
            #[request]
            async fn r(&self) -> Rsp {}
        ),
        &["must take the request by value"],
    );
    says(
        quote!(
            #[request]
            async fn r(&self, peer: &Peer<Rsp>) -> Rsp {}
        ),
        &["must take the request by value"],
    );
    says(
        quote!(
            #[request]
            async fn r(&self, r: &Req) -> Rsp {}
        ),
        &["the request must be the last parameter, by value"],
    );
    says(
        quote!(
            #[request]
            async fn r(&self, r: Cow<'_, str>) -> Rsp {}
        ),
        &["contains a reference (`'_`)"],
    );
    says(
        quote!(
            #[request]
            async fn r(&self, a: A, r: Req) -> Rsp {}
        ),
        &["unexpected parameter"],
    );
    says(
        quote!(
            #[request(send_result)]
            async fn r(&self, r: Req) -> Vec<Rsp> {}
        ),
        &["`send_result` requires a `Result`"],
    );
    says(
        quote!(
            #[request]
            async fn r(&self, r: Req) -> &str {}
        ),
        &["the response is a reference"],
    );
}

#[test]
fn sessions_have_a_session() {
    says(
        quote!(
            #[session]
            async fn s(&self) {}
        ),
        &["must take the session as its last parameter"],
    );
    says(
        quote!(
            #[session]
            async fn s(&self, s: &mut Vec<u8>) {}
        ),
        &["must be the session: write"],
    );
    says(
        quote!(
            #[session]
            async fn s(&self, p: &Peer<B>, s: &mut Session<A, B>) {}
        ),
        &["`session.peer()`"],
    );
    says(
        quote!(
            #[session]
            async fn s(&self, s: &mut Session<A, B>) -> u8 {}
        ),
        &["must return `()` or `Result<(), Error>`"],
    );
    says(
        quote!(
            #[session]
            async fn s(&self, s: &mut Session<A, B>) -> Result<B, E> {}
        ),
        &["write `()`"],
    );
}

#[test]
fn handlers_run_on_the_loop() {
    says(
        quote!(
            #[request]
            fn r(&self, r: Req) -> Rsp {}
        ),
        &["write `async fn r`"],
    );
    says(
        quote!(
            #[request]
            async fn r(r: Req) -> Rsp {}
        ),
        &["write `&self` as its first parameter"],
    );
    says(
        quote!(
            #[request]
            async fn r(&mut self, r: Req) -> Rsp {}
        ),
        &["must take `&self`"],
    );
    says(
        quote!(
            #[request]
            async fn r<T>(&self, r: T) -> Rsp {}
        ),
        &["can't be generic"],
    );
    says(
        quote!(
            #[request]
            async unsafe fn r(&self, r: Req) -> Rsp {}
        ),
        &["remove `unsafe`"],
    );
    says(
        quote!(
            async fn h(&mut self) {}
        ),
        &["async method of a service must take `&self`"],
    );
}
