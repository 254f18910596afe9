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
        &["one `#[request]`, and `r` is it"],
    );
    says(
        quote!(#request #[session] async fn q(&self, s: &mut Session<A, B>) {}),
        &["are of one kind, and `r` is a `#[request]`"],
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
        &["takes the request as its last parameter"],
    );
    says(
        quote!(
            #[request]
            async fn r(&self, peer: &Peer<Rsp>) -> Rsp {}
        ),
        &["takes the request as its last parameter"],
    );
    says(
        quote!(
            #[request]
            async fn r(&self, r: &Req) -> Rsp {}
        ),
        &["the request is the last parameter, and owned"],
    );
    says(
        quote!(
            #[request]
            async fn r(&self, r: Cow<'_, str>) -> Rsp {}
        ),
        &["borrows for `'_`"],
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
            #[request(wire)]
            async fn r(&self, r: Req) -> Vec<Rsp> {}
        ),
        &["`wire` sends a `Result` itself"],
    );
    says(
        quote!(
            #[request]
            async fn r(&self, r: Req) -> &str {}
        ),
        &["the response is borrowed"],
    );
}

#[test]
fn sessions_have_a_session() {
    says(
        quote!(
            #[session]
            async fn s(&self) {}
        ),
        &["takes the session as its last parameter"],
    );
    says(
        quote!(
            #[session]
            async fn s(&self, s: &mut Vec<u8>) {}
        ),
        &["is the session: write"],
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
        &["returns `Result<(), Error>`, or nothing"],
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
        &["takes `&self`"],
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
        &["async methods take `&self`"],
    );
}
