//! What a connection starts with: `Conn`, `on_connect`, and `Error` where the handler has none.
//!
//! These are always there, so that a hook under a `cfg` needs its opposite as well.

use super::{
    call, cfg,
    service_types::ServiceTypes,
    span::at,
    types::{self, ErrorProjection},
};
use crate::{
    model::{ConnectOutput, Function, Hook, Method, Service, connect_output, is_concrete, params, peel},
    parse::HookEvent,
};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Path, Type};

/// One way to start a connection: a hook, or that there is none.
pub(super) struct Start<'a> {
    /// When this is the way.
    cfgs: Vec<TokenStream>,
    error: TokenStream,
    conn: TokenStream,
    takes_peer: bool,
    /// The hook, if there is one that can be called.
    hook: Option<(&'a Function, &'a Hook)>,
    /// There is a hook.
    hooked: bool,
    connect_output: ConnectOutput,
    /// The function that tells them apart, of [`ConnectOutput::Unknown`].
    both: Option<TokenStream>,
    /// What sees to it that there is no state in it, where nothing can tell.
    plain: Option<TokenStream>,
    /// What is said of `on_connect` is said of the hook.
    site: Span,
}

/// `opens!(Visit, ChatState)`: which of them it is.
fn opens(ok: &TokenStream, state: &TokenStream, krate: &Path) -> TokenStream {
    quote_spanned!(at(ok)=> #krate::__private::connect_output!(#ok, #state))
}

/// All ways, exactly one of which is compiled.
pub(super) fn starts<'a>(service: &'a Service, state: Option<&TokenStream>, krate: &Path) -> Vec<Start<'a>> {
    let hooks: Vec<_> = service.hooks().filter(|(_, hook)| hook.event == Some(HookEvent::Connect)).collect();
    // A second hook beside one that is there in any case was reported, and goes nowhere.
    if let Some((method, hook)) = hooks.iter().find(|(method, _)| !method.is_conditional()) {
        return vec![of_hook(method, hook, service, state, krate)];
    }
    let cfg = cfg::none_of(hooks.iter().map(|(method, _)| *method));
    let mut starts: Vec<_> =
        hooks.into_iter().map(|(method, hook)| of_hook(method, hook, service, state, krate)).collect();
    starts.push(Start {
        cfgs: cfg.into_iter().collect(),
        error: infallible(),
        conn: quote!(()),
        takes_peer: false,
        hook: None,
        hooked: false,
        connect_output: ConnectOutput::Conn,
        both: None,
        plain: None,
        site: Span::mixed_site(),
    });
    starts
}

fn of_hook<'a>(
    method: &'a Method,
    hook: &'a Hook,
    service: &Service,
    state: Option<&TokenStream>,
    krate: &Path,
) -> Start<'a> {
    let function = &method.function;
    let ok = types::ok(&hook.return_kind, krate);
    let concrete = service.has_concrete_states()
        && function.output().is_none_or(|ty| is_concrete(ty, &params(&service.head.generics)));
    let told = connect_output(hook, service.states.as_ref());
    let (connect_output, unclear) = match (told, state) {
        (ConnectOutput::Unknown, Some(state)) if concrete => (ConnectOutput::Unknown, Some(state)),
        (ConnectOutput::Unknown, state) => (ConnectOutput::Conn, state),
        (connect_output, _) => (connect_output, None),
    };
    let conn = match (connect_output, hook.return_kind.ok().map(peel)) {
        (ConnectOutput::State, _) => quote!(()),
        (ConnectOutput::Unknown, _) => {
            let opens = unclear.map(|state| opens(&ok, state, krate));
            let connect_output = quote_spanned!(at(&ok)=> #krate::__private::ConnValue<{ #opens }, #unclear>);
            match function.output() {
                Some(ty) => types::across_as(ty, &ok, &connect_output, "Conn"),
                None => types::across(&ok, &connect_output, "Conn"),
            }
        }
        (ConnectOutput::Both, Some(Type::Tuple(tuple))) => {
            let conn = &tuple.elems[0];
            types::known(Some(conn), conn.to_token_stream(), krate)
        }
        _ => types::known(function.output(), types::ok(&hook.return_kind, krate), krate),
    };
    Start {
        cfgs: function.cfgs().map(ToTokens::to_token_stream).collect(),
        error: types::err_or(&hook.return_kind, infallible(), krate),
        conn,
        takes_peer: hook.peer.is_some() && !method.sink.has_errors(),
        hook: (!method.sink.has_errors()).then_some((function, hook)),
        hooked: true,
        connect_output,
        both: match (connect_output, unclear) {
            (ConnectOutput::Unknown, Some(state)) => {
                let (opens, site) = (opens(&ok, state, krate), at(&ok));
                Some(
                    quote_spanned!(site=> <#ok as #krate::__private::ConnValueAndState<{ #opens }, #state, _>>::both),
                )
            }
            _ => None,
        },
        plain: match (connect_output, unclear) {
            (ConnectOutput::Conn, Some(state)) => Some(quote_spanned! {at(&ok)=>
                use #krate::__private::ConnectOutputWithoutState as _;
                <#krate::__private::ConnectOutput<#ok, #state>>::PROBE.is_the_value();
            }),
            _ => None,
        },
        site: at(&function.sig.ident),
    }
}

impl Start<'_> {
    /// The expression that makes what the hook makes.
    fn value(&self, service_types: &ServiceTypes<'_>) -> TokenStream {
        match self.hook {
            Some((function, hook)) => {
                let fails = service_types.try_operator(function, &hook.return_kind);
                let args = hook.peer.iter().map(|param| service_types.peer_arg(param));
                let call = call::call(function, args, &quote!(.await #fails));
                let value = types::settled(&hook.return_kind, &call, service_types.krate);
                match &self.plain {
                    Some(plain) => quote_spanned!(self.site=> { #plain #value }),
                    None => value,
                }
            }
            None if self.hooked => {
                let krate = service_types.krate;
                quote!(#krate::__private::never())
            }
            None => quote!(()),
        }
    }
}

/// The connection's value as it is spelt, unless `cfg`s decide.
pub(super) fn only_conn(starts: &[Start<'_>]) -> Option<String> {
    match starts {
        [only] => Some(only.conn.to_string()),
        _ => None,
    }
}

/// What the one hook fails with, if it can.
pub(super) fn only_error(starts: &[Start<'_>]) -> Option<TokenStream> {
    match starts {
        [only] => Some(only.error.clone()).filter(|error| error.to_string() != infallible().to_string()),
        _ => None,
    }
}

fn infallible() -> TokenStream {
    quote!(::core::convert::Infallible)
}

/// `type Error` and `type Conn`; the handler's error comes first.
pub(super) fn types(
    starts: &[Start<'_>],
    error: Option<&TokenStream>,
    unclear: &[ErrorProjection],
) -> TokenStream {
    let one = |Start { cfgs, error: own, conn, .. }: &Start<'_>| {
        let own = unclear.iter().rev().fold(own.clone(), |otherwise, error| error(otherwise));
        let (own, conn) = (types::named("Error", &own), types::named("Conn", conn));
        let own = error.is_none().then(|| quote!(#(#cfgs)* #own));
        quote!(#own #(#cfgs)* #conn)
    };
    let of_starts: TokenStream = starts.iter().map(one).collect();
    let of_handler = error.map(|error| types::named("Error", error));
    quote!(#of_handler #of_starts)
}

/// `async fn on_connect(..)`
pub(super) fn methods(
    starts: &[Start<'_>],
    first: &TokenStream,
    first_if_any: &TokenStream,
    service_types: &ServiceTypes<'_>,
) -> TokenStream {
    let krate = service_types.krate;
    let one = |start: &Start<'_>| {
        let Start { cfgs, takes_peer, connect_output, both, site, .. } = start;
        let value = start.value(service_types);
        let peer = call::unused("peer", !takes_peer);
        let opened = match connect_output {
            ConnectOutput::Conn => {
                quote_spanned!(*site=> #krate::__private::Connected { conn: #value, state: #first })
            }
            ConnectOutput::State => {
                quote_spanned!(*site=> #krate::__private::Connected { conn: (), state: #value })
            }
            ConnectOutput::Unknown => quote_spanned! {*site=>
                {
                    let (conn, state) = #both(#value, #first_if_any);
                    #krate::__private::Connected { conn, state }
                }
            },
            ConnectOutput::Both => quote_spanned! {*site=>
                {
                    let (conn, state) = #value;
                    #krate::__private::Connected { conn, state }
                }
            },
        };
        quote_spanned! {*site=>
            #(#cfgs)*
            async fn on_connect(
                self: &::std::sync::Arc<Self>,
                #peer: &#krate::Peer<<Self as #krate::Service>::Response, <Self as #krate::Service>::Event>,
            ) -> ::core::result::Result<#krate::__private::Connected<Self>, <Self as #krate::Service>::Error> {
                ::core::result::Result::Ok(#opened)
            }
        }
    };
    starts.iter().map(one).collect()
}
