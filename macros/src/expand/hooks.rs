//! The hooks whose methods have defaults in `Service`: start, stop, disconnect, error.

use super::{
    call::{argument, at_output, call, unused},
    service_types::ServiceTypes,
    span::at,
};
use crate::{
    model::{Function, Hook, Param, ReturnKind, Service},
    parse::HookEvent,
};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Path;

/// The methods that the hooks define, each under the `cfg`s of its hook.
pub(super) fn items(service: &Service, service_types: &ServiceTypes<'_>) -> TokenStream {
    let mut done: Vec<HookEvent> = Vec::new();
    service
        .hooks()
        .filter(|(method, _)| !method.sink.has_errors())
        .filter_map(|(method, hook)| {
            let event = hook.event?;
            let function = &method.function;
            let cfgs: Vec<_> = function.cfgs().collect();
            // A second unconditional hook is reported.
            if cfgs.is_empty() && done.contains(&event) {
                return None;
            }
            done.push(event);
            let item = match event {
                HookEvent::Start => start(function, hook, service_types),
                HookEvent::Stop => stop(function),
                HookEvent::Disconnect => disconnect(function, hook, service_types),
                HookEvent::Error => error(function, hook, service_types),
                HookEvent::Connect | HookEvent::Timeout => return None,
            };
            Some(quote!(#(#cfgs)* #item))
        })
        .collect()
}

fn start(function: &Function, hook: &Hook, service_types: &ServiceTypes<'_>) -> TokenStream {
    let krate = service_types.krate;
    let args = hook.cleanup.iter().map(|param| service_types.cleanup_arg(param));
    let cleanup = unused("cleanup", hook.cleanup.is_none());
    let fails = hook.return_kind.is_fallible().then(|| quote_spanned!(at_output(function)=> ?));
    let mut call = call(function, args, &quote!(.await #fails));
    if let ReturnKind::Unresolved { ty, .. } = &hook.return_kind {
        let error = quote_spanned!(at(ty)=> #krate::__private::BoxError);
        call = quote_spanned!(at(ty)=> <#ty as #krate::__private::UnitOrResult<#error>>::into_result(#call)?);
    }
    quote_spanned! {at(&function.sig.ident)=>
        async fn on_start(
            self: &::std::sync::Arc<Self>,
            #cleanup: &mut #krate::Cleanup,
        ) -> ::core::result::Result<(), #krate::__private::BoxError> {
            #call;
            ::core::result::Result::Ok(())
        }
    }
}

fn stop(function: &Function) -> TokenStream {
    let call = call(function, std::iter::empty(), &quote!(.await));
    quote_spanned! {at(&function.sig.ident)=>
        async fn on_stop(self: &::std::sync::Arc<Self>) {
            #call;
        }
    }
}

fn disconnect(function: &Function, hook: &Hook, service_types: &ServiceTypes<'_>) -> TokenStream {
    let krate = service_types.krate;
    let Hook { peer, conn, state, last, ends, .. } = hook;
    let args = [
        peer.as_ref().map(|param| service_types.peer_arg(param)),
        conn.as_ref().map(|param| service_types.last_conn_arg(param)),
        state.as_ref().map(|param| argument("last", param)),
        last.as_ref().map(|param| service_types.reason_arg(param)),
    ];
    let names: Vec<_> = (0..ends.len()).map(|index| format!("end{index}")).collect();
    let args =
        args.into_iter().flatten().chain(names.iter().zip(ends).map(|(name, end)| argument(name, end)));
    let call = call(function, args, &quote!(.await));
    let resolve = resolve_params(&names, ends, krate);
    let is_used = |param: &Option<Param>| param.is_some() || !ends.is_empty();
    let (peer, conn) = (unused("peer", peer.is_none()), unused("conn", !is_used(conn)));
    let (state, reason) = (unused("last", !is_used(state)), unused("reason", !is_used(last)));
    quote_spanned! {at(&function.sig.ident)=>
        async fn on_disconnect(
            self: &::std::sync::Arc<Self>,
            #peer: &#krate::Peer<<Self as #krate::Service>::Response, <Self as #krate::Service>::Event>,
            #conn: <Self as #krate::Service>::Conn,
            #state: ::core::option::Option<<Self as #krate::Service>::State>,
            #reason: #krate::Reason,
        ) {
            #resolve
            #call;
        }
    }
}

/// `let (end0,) = DisconnectParams::<(Seat,), Self>::PROBE.of(conn, last, reason);` decides by
/// type which of the three each parameter is.
fn resolve_params(names: &[String], ends: &[Param], krate: &Path) -> Option<TokenStream> {
    let first = ends.first()?;
    let names = names.iter().zip(ends).map(|(name, end)| argument(name, end));
    let types = ends.iter().map(|end| &end.written.ty);
    let site = at(&first.written.ty);
    Some(quote_spanned! {site=>
        use #krate::__private::DisconnectParamsWithConn as _;
        let (#(#names,)*) = <#krate::__private::DisconnectParams<(#(#types,)*), Self>>::PROBE
            .of::<<Self as #krate::Service>::Conn, <Self as #krate::Service>::State>(conn, last, reason);
    })
}

fn error(function: &Function, hook: &Hook, service_types: &ServiceTypes<'_>) -> TokenStream {
    let krate = service_types.krate;
    let Hook { peer, conn, last, .. } = hook;
    let args = [
        peer.as_ref().map(|param| service_types.peer_arg(param)),
        conn.as_ref().map(|param| service_types.conn_arg(param)),
        last.as_ref().map(|param| service_types.error_arg(param)),
    ];
    let call = call(function, args.into_iter().flatten(), &quote!(.await));
    let (peer, conn) = (unused("peer", peer.is_none()), unused("conn", conn.is_none()));
    let error = unused("error", last.is_none());
    quote_spanned! {at(&function.sig.ident)=>
        async fn on_error(
            self: &::std::sync::Arc<Self>,
            #peer: &#krate::Peer<<Self as #krate::Service>::Response, <Self as #krate::Service>::Event>,
            #conn: &mut <Self as #krate::Service>::Conn,
            #error: #krate::SessionError<<Self as #krate::Service>::Error>,
        ) -> ::core::ops::ControlFlow<#krate::Reason, <Self as #krate::Service>::Response> {
            #call
        }
    }
}
