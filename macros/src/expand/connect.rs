//! How a connection variants: `type Conn`, `on_connect`, and `type Error` if the handler has none.
//!
//! `impl Service` needs each of them exactly once, also if `cfg`s decide which `#[on(connect)]`
//! hook is compiled. Therefore there is one `ConnectVariant` for each hook, and one for the case
//! that there is none.

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

/// One way to start a connection: a hook, or no hook.
pub(super) struct ConnectVariant<'a> {
    /// The `cfg`s under which this is the way.
    cfgs: Vec<TokenStream>,
    error: TokenStream,
    conn: TokenStream,
    takes_peer: bool,
    /// The hook, if it has no errors and can be called.
    hook: Option<(&'a Function, &'a Hook)>,
    /// Whether there is a hook.
    hooked: bool,
    connect_output: ConnectOutput,
    /// For [`ConnectOutput::Unknown`]: the function that takes the value apart by its type.
    both: Option<TokenStream>,
    /// For a value that is taken for the connection's: a check by the compiler that it is no state.
    plain: Option<TokenStream>,
    /// The span of `on_connect`, so that its errors are reported at the hook.
    site: Span,
}

/// `opens!(Visit, ChatState)`: a constant that says what the type is.
fn opens(ok: &TokenStream, state: &TokenStream, krate: &Path) -> TokenStream {
    quote_spanned!(at(ok)=> #krate::__private::connect_output!(#ok, #state))
}

/// All ways. Exactly one of them is compiled.
pub(super) fn variants<'a>(
    service: &'a Service,
    state: Option<&TokenStream>,
    krate: &Path,
) -> Vec<ConnectVariant<'a>> {
    let hooks: Vec<_> = service.hooks().filter(|(_, hook)| hook.event == Some(HookEvent::Connect)).collect();
    // A second hook beside an unconditional one is reported, and not used.
    if let Some((method, hook)) = hooks.iter().find(|(method, _)| !method.is_conditional()) {
        return vec![of_hook(method, hook, service, state, krate)];
    }
    let cfg = cfg::none_of(hooks.iter().map(|(method, _)| *method));
    let mut variants: Vec<_> =
        hooks.into_iter().map(|(method, hook)| of_hook(method, hook, service, state, krate)).collect();
    variants.push(ConnectVariant {
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
    variants
}

fn of_hook<'a>(
    method: &'a Method,
    hook: &'a Hook,
    service: &Service,
    state: Option<&TokenStream>,
    krate: &Path,
) -> ConnectVariant<'a> {
    let function = &method.function;
    let ok = types::ok(&hook.return_kind, krate);
    let concrete = service.has_concrete_states()
        && function.output().is_none_or(|ty| is_concrete(ty, &params(&service.head.generics)));
    let output = connect_output(hook, service.states.as_ref());
    let (connect_output, unclear) = match (output, state) {
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
            types::or_unknown(Some(conn), conn.to_token_stream(), krate)
        }
        _ => types::or_unknown(function.output(), types::ok(&hook.return_kind, krate), krate),
    };
    ConnectVariant {
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

impl ConnectVariant<'_> {
    /// The expression for the value that the hook returns.
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

/// `check::<Conn>();` for the value of each way, located at its type.
pub(super) fn assertions(variants: &[ConnectVariant<'_>], check: &TokenStream) -> TokenStream {
    let hooked = variants.iter().filter(|variant| variant.hooked);
    let one = |ConnectVariant { cfgs, conn, .. }: &ConnectVariant<'_>| quote_spanned!(at(conn)=> #(#cfgs)* #check::<#conn>(););
    hooked.map(one).collect()
}

/// The tokens of the connection's type, unless `cfg`s decide on it.
pub(super) fn only_conn(variants: &[ConnectVariant<'_>]) -> Option<String> {
    match variants {
        [only] => Some(only.conn.to_string()),
        _ => None,
    }
}

/// The error type of the only hook, if it has one.
pub(super) fn only_error(variants: &[ConnectVariant<'_>]) -> Option<TokenStream> {
    match variants {
        [only] => Some(only.error.clone()).filter(|error| error.to_string() != infallible().to_string()),
        _ => None,
    }
}

fn infallible() -> TokenStream {
    quote!(::core::convert::Infallible)
}

/// `type Error` and `type Conn`. The handler's error type has precedence.
pub(super) fn types(
    variants: &[ConnectVariant<'_>],
    error: Option<&TokenStream>,
    unclear: &[ErrorProjection],
) -> TokenStream {
    let one = |ConnectVariant { cfgs, error: own, conn, .. }: &ConnectVariant<'_>| {
        let own = unclear.iter().rev().fold(own.clone(), |otherwise, error| error(otherwise));
        let (own, conn) = (types::named("Error", &own), types::named("Conn", conn));
        let own = error.is_none().then(|| quote!(#(#cfgs)* #own));
        quote!(#own #(#cfgs)* #conn)
    };
    let of_starts: TokenStream = variants.iter().map(one).collect();
    let of_handler = error.map(|error| types::named("Error", error));
    quote!(#of_handler #of_starts)
}

/// `async fn on_connect(..)`
pub(super) fn methods(
    variants: &[ConnectVariant<'_>],
    first: &TokenStream,
    first_if_any: &TokenStream,
    service_types: &ServiceTypes<'_>,
) -> TokenStream {
    let krate = service_types.krate;
    let one = |start: &ConnectVariant<'_>| {
        let ConnectVariant { cfgs, takes_peer, connect_output, both, site, .. } = start;
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
    variants.iter().map(one).collect()
}
