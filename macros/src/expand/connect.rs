//! What a connection starts with: `Conn`, `on_connect`, and `Error` where the handler has none.
//!
//! These are always there, so that a hook under a `cfg` needs its opposite as well.

use super::{at, conditions, service, types};
use crate::{
    model::{Hook, Method, Service, StateEnum},
    parse::Event,
};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Path, Type};

/// One way to start a connection: a hook, or that there is none.
pub(super) struct Start {
    /// When this is the way.
    cfgs: Vec<TokenStream>,
    error: TokenStream,
    conn: TokenStream,
    takes_peer: bool,
    /// The expression that makes what the hook makes.
    value: TokenStream,
    made: Made,
    /// What is said of `on_connect` is said of the hook.
    site: Span,
}

/// What a hook makes, as far as tokens tell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// The connection's value.
    Conn,
    /// The first state.
    State,
    /// `(Conn, State)`
    Both,
}

/// What `#[on(connect)]` makes: a state goes by the name of the enum.
pub(crate) fn made(hook: &Hook, states: Option<&StateEnum>) -> Made {
    let Some(states) = states else { return Made::Conn };
    match hook.outcome.ok() {
        Some(Type::Tuple(tuple)) if tuple.elems.len() == 2 && states.is(&tuple.elems[1]) => Made::Both,
        Some(ty) if states.is(ty) => Made::State,
        _ => Made::Conn,
    }
}

/// All ways, exactly one of which is compiled.
pub(super) fn starts(service: &Service, krate: &Path) -> Vec<Start> {
    let hooks: Vec<_> = service.hooks().filter(|(_, hook)| hook.event == Some(Event::Connect)).collect();
    // A second hook beside one that is there in any case was reported, and goes nowhere.
    if let Some((method, hook)) = hooks.iter().find(|(method, _)| !method.is_conditional()) {
        return vec![of_hook(method, hook, service.states.as_ref(), krate)];
    }
    let cfg = conditions::none_of(hooks.iter().map(|(method, _)| *method));
    let mut starts: Vec<_> = hooks
        .into_iter()
        .map(|(method, hook)| of_hook(method, hook, service.states.as_ref(), krate))
        .collect();
    starts.push(Start {
        cfgs: cfg.into_iter().collect(),
        error: infallible(),
        conn: quote!(()),
        takes_peer: false,
        value: quote!(()),
        made: Made::Conn,
        site: Span::mixed_site(),
    });
    starts
}

fn of_hook(method: &Method, hook: &Hook, states: Option<&StateEnum>, krate: &Path) -> Start {
    let function = &method.function;
    let made = made(hook, states);
    let conn = match (made, hook.outcome.ok()) {
        (Made::State, _) => quote!(()),
        (Made::Both, Some(Type::Tuple(tuple))) => {
            let conn = &tuple.elems[0];
            types::known(Some(conn), conn.to_token_stream(), krate)
        }
        _ => types::known(function.output(), types::ok(&hook.outcome, krate), krate),
    };
    let value = if method.sink.is_clean() {
        let fails = hook.outcome.is_fallible().then(|| quote_spanned!(service::at_output(function)=> ?));
        let args = hook.peer.iter().map(|param| service::argument("peer", param));
        service::call(function, args, &quote!(.await #fails))
    } else {
        quote!(#krate::__private::never())
    };
    Start {
        cfgs: function.cfgs().map(ToTokens::to_token_stream).collect(),
        error: types::err(&hook.outcome, krate).unwrap_or_else(infallible),
        conn,
        takes_peer: hook.peer.is_some() && method.sink.is_clean(),
        value,
        made,
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
pub(super) fn methods(starts: &[Start], first: &TokenStream, krate: &Path) -> TokenStream {
    let one = |Start { cfgs, takes_peer, value, made, site, .. }: &Start| {
        let peer = service::unused("peer", !takes_peer);
        let opened = match made {
            Made::Conn => quote_spanned!(*site=> #krate::__private::Opened { conn: #value, state: #first }),
            Made::State => quote_spanned!(*site=> #krate::__private::Opened { conn: (), state: #value }),
            Made::Both => quote_spanned! {*site=>
                {
                    let (conn, state) = #value;
                    #krate::__private::Opened { conn, state }
                }
            },
        };
        quote_spanned! {*site=>
            #(#cfgs)*
            async fn on_connect(
                self: &::std::sync::Arc<Self>,
                #peer: &#krate::Peer<Self::Response, Self::Event>,
            ) -> ::core::result::Result<#krate::__private::Opened<Self>, Self::Error> {
                ::core::result::Result::Ok(#opened)
            }
        }
    };
    starts.iter().map(one).collect()
}
