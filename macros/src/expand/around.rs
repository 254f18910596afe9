//! What runs ahead of and behind the handlers, as `step` calls it.

use super::service::{argument, at_output, call};
use crate::model::{Around, Method};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

/// `match Self::check(self, conn, request).await { .. }`: the request goes on, or is answered.
pub(super) fn before(
    method: &Method,
    around: &Around,
    goes_on: &TokenStream,
    answers: &TokenStream,
) -> TokenStream {
    let message = around.message.iter().map(|param| argument("request", param));
    let flow = called(method, around, message);
    // With its type said, a mismatch is one of this value.
    quote_spanned! {Span::mixed_site()=>
        let flow: ::core::ops::ControlFlow<Self::Response, Self::Request> = #flow;
        match flow {
            ::core::ops::ControlFlow::Continue(request) => #goes_on,
            ::core::ops::ControlFlow::Break(response) => #answers,
        }
    }
}

/// `Self::count(self, conn, response).await`
pub(super) fn after(method: &Method, around: &Around, by_reference: bool) -> TokenStream {
    let message = around.message.iter().map(|param| {
        let response = argument("response", param);
        let and = (!by_reference).then(|| quote_spanned!(super::at(&param.written.ty)=> &));
        quote!(#and #response)
    });
    called(method, around, message)
}

fn called(method: &Method, around: &Around, message: impl Iterator<Item = TokenStream>) -> TokenStream {
    let function = &method.function;
    let peer = around.peer.iter().map(|param| argument("peer", param));
    let conn = around.conn.iter().map(|param| argument("conn", param));
    let fails = around.outcome.is_fallible().then(|| quote_spanned!(at_output(function)=> ?));
    call(function, peer.chain(conn).chain(message), &quote!(.await #fails))
}
