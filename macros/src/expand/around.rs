//! What runs ahead of and behind the handlers, as `step` calls it.

use super::service::{argument, at_output, call};
use crate::model::{Around, Method};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

/// `Self::check(self, conn, request).await`: a `ControlFlow<Response, Request>`.
pub(super) fn before(method: &Method, around: &Around) -> TokenStream {
    let message = around.message.iter().map(|param| argument("request", param));
    called(method, around, message)
}

/// `Self::count(self, conn, response).await`
pub(super) fn after(method: &Method, around: &Around, response: &TokenStream) -> TokenStream {
    called(method, around, around.message.iter().map(|_| response.clone()))
}

fn called(method: &Method, around: &Around, message: impl Iterator<Item = TokenStream>) -> TokenStream {
    let function = &method.function;
    let peer = around.peer.iter().map(|param| argument("peer", param));
    let conn = around.conn.iter().map(|param| argument("conn", param));
    let fails = around.outcome.is_fallible().then(|| quote_spanned!(at_output(function)=> ?));
    call(function, peer.chain(conn).chain(message), &quote!(.await #fails))
}
