//! What runs ahead of and behind the handlers, as `step` calls it.

use super::{
    agree::Agreed,
    at, conditions,
    service::{Unclear, argument, call},
    types,
};
use crate::model::{Around, Method, Outcome, Service, Side, in_any_case};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Path;

/// `match Self::check(self, conn, request).await { .. }`: the request goes on, or is answered.
/// Nothing, if there is no such hook.
pub(super) fn before(
    service: &Service,
    goes_on: &TokenStream,
    answers: &TokenStream,
    agreed: &Agreed<'_>,
) -> Option<TokenStream> {
    let hooks: Vec<_> = service.sound_arounds(Side::Before).collect();
    if hooks.is_empty() {
        return None;
    }
    // With its type said, a mismatch is one of this value.
    let krate = agreed.krate;
    let ty = quote! {
        ::core::ops::ControlFlow<<Self as #krate::Service>::Response, <Self as #krate::Service>::Request>
    };
    let flows = hooks.iter().map(|(method, around)| {
        let cfgs = method.function.cfgs();
        let message = around.message.iter().map(|param| agreed.request(param));
        let mut flow = called(method, around, message, agreed);
        if let Outcome::Unclear { ty, .. } = &around.outcome {
            let error = quote_spanned!(at(ty)=> <Self as #krate::Service>::Error);
            flow = quote_spanned!(at(ty)=> <#ty as #krate::__private::Flows<#error>>::flow(#flow)?);
        }
        let flow = match &around.message {
            Some(param) => agreed.goes_on(flow, param),
            None => flow,
        };
        quote_spanned!(Span::mixed_site()=> #(#cfgs)* let flow: #ty = #flow;)
    });
    let passes = conditions::none_of(hooks.iter().map(|(method, _)| *method)).map(|cfg| {
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

/// `Self::count(self, conn, response).await;`, for a response that is at hand.
pub(super) fn after(service: &Service, agreed: &Agreed<'_>) -> TokenStream {
    let one = |(method, around): (&Method, &Around)| {
        let cfgs = method.function.cfgs();
        let message = around.message.iter().map(|param| {
            let response = argument("response", param);
            let response = quote_spanned!(at(&param.written.ty)=> & #response);
            agreed.response(&response, param)
        });
        let call = completed(around, called(method, around, message, agreed), agreed.krate);
        quote_spanned!(Span::mixed_site()=> #(#cfgs)* #call;)
    };
    service.sound_arounds(Side::After).map(one).collect()
}

/// As [`after`], for a step that may have a response.
pub(super) fn after_step(service: &Service, agreed: &Agreed<'_>) -> TokenStream {
    let one = |(method, around): (&Method, &Around)| {
        let cfgs = method.function.cfgs();
        let message = around.message.iter().map(|param| agreed.response(&argument("response", param), param));
        let call = completed(around, called(method, around, message, agreed), agreed.krate);
        quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            if let ::core::option::Option::Some(response) = &step.response {
                #call;
            }
        }
    };
    service.sound_arounds(Side::After).map(one).collect()
}

/// What they fail with, if they can.
pub(super) fn error(service: &Service, krate: &Path) -> Option<TokenStream> {
    let arounds = [Side::Before, Side::After].into_iter().flat_map(|side| service.arounds(side));
    in_any_case(arounds).find_map(|(_, around)| types::err(&around.outcome, krate))
}

/// As [`error`], of those that return something by another name.
pub(super) fn unclear_errors(service: &Service, krate: &Path) -> Vec<Unclear> {
    let arounds = [Side::Before, Side::After].into_iter().flat_map(|side| service.arounds(side));
    arounds
        .filter(|(method, _)| !method.is_conditional())
        .filter_map(|(_, around)| match &around.outcome {
            Outcome::Unclear { ty, .. } => {
                let (ty, krate, side) = (ty.clone(), krate.clone(), around.side);
                Some(Box::new(move |otherwise: TokenStream| match side {
                    Side::Before => {
                        quote_spanned!(at(&ty)=> <#ty as #krate::__private::Flows<#otherwise>>::Err)
                    }
                    Side::After => {
                        quote_spanned!(at(&ty)=> <#ty as #krate::__private::Completes<#otherwise>>::Err)
                    }
                }) as Unclear)
            }
            _ => None,
        })
        .collect()
}

/// What `#[after]` returns by another name is nothing, or a `Result`.
fn completed(around: &Around, call: TokenStream, krate: &Path) -> TokenStream {
    match &around.outcome {
        Outcome::Unclear { ty, .. } => {
            let error = quote_spanned!(at(ty)=> <Self as #krate::Service>::Error);
            quote_spanned!(at(ty)=> <#ty as #krate::__private::Completes<#error>>::complete(#call)?)
        }
        _ => call,
    }
}

fn called(
    method: &Method,
    around: &Around,
    message: impl Iterator<Item = TokenStream>,
    agreed: &Agreed<'_>,
) -> TokenStream {
    let function = &method.function;
    let peer = around.peer.iter().map(|param| agreed.peer(param));
    let conn = around.conn.iter().map(|param| agreed.conn(param));
    let fails = agreed.fails(function, &around.outcome);
    call(function, peer.chain(conn).chain(message), &quote!(.await #fails))
}
