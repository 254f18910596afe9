//! What a connection starts with: `Conn`, `on_connect`, and `Error` where the handler has none.
//!
//! These are always there, so that a hook under a `cfg` needs its opposite as well.

use super::{at, service, types};
use crate::{
    model::{Hook, Method, Service},
    parse::Event,
};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Meta, Path};

/// One way to start a connection: a hook, or that there is none.
pub(super) struct Start {
    /// When this is the way.
    cfgs: Vec<TokenStream>,
    error: TokenStream,
    conn: TokenStream,
    takes_peer: bool,
    /// The expression that makes a `conn`.
    value: TokenStream,
    /// Lints are told of a stand-in behind a mistake.
    quiet: Option<TokenStream>,
    /// What is said of `on_connect` is said of the hook.
    site: Span,
}

/// All ways, exactly one of which is compiled.
pub(super) fn starts(service: &Service, krate: &Path) -> Vec<Start> {
    let hooks: Vec<_> = service.hooks().filter(|(_, hook)| hook.event == Some(Event::Connect)).collect();
    let conditions: Vec<_> = hooks.iter().map(|(method, _)| condition(method)).collect();
    // A second hook beside one that is there in any case was reported, and goes nowhere.
    if let Some((method, hook)) = hooks.iter().find(|(method, _)| condition(method).is_none()) {
        return vec![of_hook(method, hook, krate)];
    }
    let conditions: Vec<_> = conditions.into_iter().flatten().collect();
    let cfg = match conditions.as_slice() {
        [] => None,
        [only] => Some(quote!(#[cfg(not(#only))])),
        several => Some(quote!(#[cfg(not(any(#(#several),*)))])),
    };
    let mut starts: Vec<_> = hooks.into_iter().map(|(method, hook)| of_hook(method, hook, krate)).collect();
    starts.push(Start {
        cfgs: cfg.into_iter().collect(),
        error: infallible(),
        conn: quote!(()),
        takes_peer: false,
        value: quote!(()),
        quiet: None,
        site: Span::mixed_site(),
    });
    starts
}

fn of_hook(method: &Method, hook: &Hook, krate: &Path) -> Start {
    let function = &method.function;
    let value = if method.sink.is_clean() {
        let fails = hook.outcome.is_fallible().then(|| quote_spanned!(service::at_output(function)=> ?));
        let args = hook.peer.iter().map(|param| service::argument("peer", param));
        service::call(function, args, &quote!(.await #fails))
    } else {
        quote!(::core::unimplemented!())
    };
    Start {
        cfgs: function.cfgs().map(ToTokens::to_token_stream).collect(),
        error: types::err(&hook.outcome, krate).unwrap_or_else(infallible),
        conn: types::known(function.output(), types::ok(&hook.outcome, krate), krate),
        takes_peer: hook.peer.is_some() && method.sink.is_clean(),
        value,
        quiet: (!method.sink.is_clean()).then(|| quote!(#[allow(unused)])),
        site: at(&function.sig.ident),
    }
}

fn infallible() -> TokenStream {
    quote!(::core::convert::Infallible)
}

/// `type Error` and `type Conn`; the handler's error comes first.
pub(super) fn types(starts: &[Start], error: Option<&TokenStream>) -> TokenStream {
    let one = |Start { cfgs, error: own, conn, .. }: &Start| {
        let own = error.is_none().then(|| quote!(#(#cfgs)* type Error = #own;));
        quote!(#own #(#cfgs)* type Conn = #conn;)
    };
    let of_starts: TokenStream = starts.iter().map(one).collect();
    let of_handler = error.map(|error| quote!(type Error = #error;));
    quote!(#of_handler #of_starts)
}

/// `async fn on_connect(..)`
pub(super) fn methods(starts: &[Start], krate: &Path) -> TokenStream {
    let one = |Start { cfgs, takes_peer, value, quiet, site, .. }: &Start| {
        let peer = service::unused("peer", !takes_peer);
        quote_spanned! {*site=>
            #(#cfgs)*
            #quiet
            async fn on_connect(
                self: &::std::sync::Arc<Self>,
                #peer: &#krate::Peer<Self::Response, Self::Event>,
            ) -> ::core::result::Result<#krate::__private::Opened<Self>, Self::Error> {
                ::core::result::Result::Ok(#krate::__private::Opened { conn: #value, state: () })
            }
        }
    };
    starts.iter().map(one).collect()
}

/// The predicate of a method's `cfg`s.
fn condition(method: &Method) -> Option<TokenStream> {
    let predicates: Vec<_> = method
        .function
        .cfgs()
        .filter_map(|attr| match &attr.meta {
            Meta::List(list) => Some(&list.tokens),
            _ => None,
        })
        .collect();
    match predicates.as_slice() {
        [] => None,
        [only] => Some(only.to_token_stream()),
        several => Some(quote!(all(#(#several),*))),
    }
}
