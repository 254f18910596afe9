//! The calls of `#[before]` and `#[after]` around the handlers.

use super::{
    call::{argument, call},
    cfg,
    service_types::ServiceTypes,
    span::at,
    types::{self, ErrorProjection},
};
use crate::model::{Interceptor, Method, ReturnKind, Service, Side, unconditional_first};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Path;

/// `match Self::check(self, conn, request).await { .. }` with an arm for a request that goes on and
/// one for a request that is answered; `None` without a `#[before]`.
pub(super) fn before(
    service: &Service,
    goes_on: &TokenStream,
    answers: &TokenStream,
    service_types: &ServiceTypes<'_>,
) -> Option<TokenStream> {
    let hooks: Vec<_> = service.valid_interceptors(Side::Before).collect();
    if hooks.is_empty() {
        return None;
    }
    // With this type, a mismatch is reported at the value.
    let krate = service_types.krate;
    let ty = quote! {
        ::core::ops::ControlFlow<<Self as #krate::Service>::Response, <Self as #krate::Service>::Request>
    };
    let flows = hooks.iter().map(|(method, interceptor)| {
        let cfgs = method.function.cfgs();
        let message = interceptor.message.iter().map(|param| service_types.request_arg(param));
        let mut flow = called(method, interceptor, message, service_types);
        if let ReturnKind::Unresolved { ty, .. } = &interceptor.return_kind {
            let error = quote_spanned!(at(ty)=> <Self as #krate::Service>::Error);
            flow = quote_spanned!(at(ty)=> <#ty as #krate::__private::BeforeOutput<#error>>::into_result(#flow)?);
        }
        let flow = match &interceptor.message {
            Some(param) => service_types.checked_flow(flow, param),
            None => flow,
        };
        quote_spanned!(Span::mixed_site()=> #(#cfgs)* let flow: #ty = #flow;)
    });
    let passes = cfg::none_of(hooks.iter().map(|(method, _)| *method)).map(|cfg| {
        quote_spanned!(Span::mixed_site()=> #cfg let flow: #ty = ::core::ops::ControlFlow::Continue(request);)
    });
    Some(quote_spanned! {Span::mixed_site()=>
        #(#flows)*
        #passes
        match flow {
            ::core::ops::ControlFlow::Continue(request) => #goes_on,
            ::core::ops::ControlFlow::Break(response) => #answers,
        }
    })
}

/// `Self::count(self, conn, response).await;`
pub(super) fn after(service: &Service, service_types: &ServiceTypes<'_>) -> TokenStream {
    let one = |(method, interceptor): (&Method, &Interceptor)| {
        let cfgs = method.function.cfgs();
        let message = interceptor.message.iter().map(|param| {
            let response = argument("response", param);
            let response = quote_spanned!(at(&param.written.ty)=> & #response);
            service_types.response_arg(&response, param)
        });
        let call =
            completed(interceptor, called(method, interceptor, message, service_types), service_types.krate);
        quote_spanned!(Span::mixed_site()=> #(#cfgs)* #call;)
    };
    service.valid_interceptors(Side::After).map(one).collect()
}

/// As [`after`], for each response of a step.
pub(super) fn after_step(service: &Service, service_types: &ServiceTypes<'_>) -> TokenStream {
    let one = |(method, interceptor): (&Method, &Interceptor)| {
        let cfgs = method.function.cfgs();
        let message = interceptor
            .message
            .iter()
            .map(|param| service_types.response_arg(&argument("response", param), param));
        let call =
            completed(interceptor, called(method, interceptor, message, service_types), service_types.krate);
        quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            for response in step.responses.as_slice() {
                #call;
            }
        }
    };
    service.valid_interceptors(Side::After).map(one).collect()
}

/// The error type of the interceptors, if they have one.
pub(super) fn error(service: &Service, krate: &Path) -> Option<TokenStream> {
    let interceptors = [Side::Before, Side::After].into_iter().flat_map(|side| service.interceptors(side));
    unconditional_first(interceptors).find_map(|(_, interceptor)| types::err(&interceptor.return_kind, krate))
}

/// As [`error`], for those that return an alias.
pub(super) fn unclear_errors(service: &Service, krate: &Path) -> Vec<ErrorProjection> {
    let interceptors = [Side::Before, Side::After].into_iter().flat_map(|side| service.interceptors(side));
    interceptors
        .filter(|(method, _)| !method.is_conditional())
        .filter_map(|(_, interceptor)| match &interceptor.return_kind {
            ReturnKind::Unresolved { ty, .. } => {
                let (ty, krate, side) = (ty.clone(), krate.clone(), interceptor.side);
                Some(Box::new(move |otherwise: TokenStream| match side {
                    Side::Before => {
                        quote_spanned!(at(&ty)=> <#ty as #krate::__private::BeforeOutput<#otherwise>>::Err)
                    }
                    Side::After => {
                        quote_spanned!(at(&ty)=> <#ty as #krate::__private::UnitOrResult<#otherwise>>::Err)
                    }
                }) as ErrorProjection)
            }
            _ => None,
        })
        .collect()
}

/// `#[after]` may return an alias of `()` or of a `Result`.
fn completed(interceptor: &Interceptor, call: TokenStream, krate: &Path) -> TokenStream {
    match &interceptor.return_kind {
        ReturnKind::Unresolved { ty, .. } => {
            let error = quote_spanned!(at(ty)=> <Self as #krate::Service>::Error);
            quote_spanned!(at(ty)=> <#ty as #krate::__private::UnitOrResult<#error>>::into_result(#call)?)
        }
        _ => call,
    }
}

fn called(
    method: &Method,
    interceptor: &Interceptor,
    message: impl Iterator<Item = TokenStream>,
    service_types: &ServiceTypes<'_>,
) -> TokenStream {
    let function = &method.function;
    let peer = interceptor.peer.iter().map(|param| service_types.peer_arg(param));
    let conn = interceptor.conn.iter().map(|param| service_types.conn_arg(param));
    let fails = service_types.try_operator(function, &interceptor.return_kind);
    call(function, peer.chain(conn).chain(message), &quote!(.await #fails))
}
