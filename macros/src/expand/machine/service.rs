//! `impl Service` of a state machine: its types, and the first state.

use super::{Machine, half_close};
use crate::{
    check::no_first_data,
    expand::{
        cfg, connect, describe, hooks, interceptors,
        service_types::ServiceTypes,
        span::at,
        types::{self, ErrorProjection},
    },
    model::{
        Method, ReturnKind, ReturnShape, TransitionHandler, Trigger, is_concrete, named_response, params,
        unconditional_first,
    },
    parse::HalfClose,
};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Type, ext::IdentExt};

impl<'a> Machine<'a> {
    pub(super) fn service_impl(&self) -> TokenStream {
        let krate = self.krate;
        let (request, response, events) = (self.request(), self.response(), self.events());
        let states = self.state_type();
        let half_close = half_close(self.half_close(), krate);
        let handlers = self.state_handlers().into_iter().map(|(method, _)| {
            let (cfgs, name) = (method.function.cfgs(), method.function.sig.ident.unraw().to_string());
            quote!(#(#cfgs)* #name)
        });
        let variants = connect::variants(self.service, Some(&states), krate);
        let types = connect::types(&variants, self.error().as_ref(), &self.unclear_errors());
        let service_types = self.service_types();
        let on_connect =
            connect::methods(&variants, &self.first_state(), &self.first_if_any(), &service_types);
        let hooks = hooks::items(self.service, &service_types);
        let steps = self.steps();
        let (description, docs) = describe::of(self.service, krate);
        let (request, response) = (types::named("Request", &request), types::named("Response", &response));
        let items = quote_spanned! {Span::mixed_site()=>
            #request
            #response
            #types
            #events
            type State = #states;
            type Kind = #krate::__private::PerRequest;
            const HANDLERS: &'static [&'static str] = &[#(#handlers),*];
            const HALF_CLOSE: #krate::__private::HalfClose = #half_close;
            #on_connect
            #hooks
            #steps
            #description
        };
        self.implement(docs.as_ref(), &items)
    }

    /// The types that the methods share.
    pub(super) fn service_types(&self) -> ServiceTypes<'_> {
        let variants = connect::variants(self.service, Some(&self.state_type()), self.krate);
        let events =
            unconditional_first(self.service.transition_handlers()).find_map(|(method, transition)| {
                let is_event = transition.takes_event() && !method.is_conditional();
                transition.message.as_ref().filter(|_| is_event)
            });
        ServiceTypes {
            krate: self.krate,
            request: self.request().to_string(),
            response: self.response().to_string(),
            event: events.map(|param| param.written.ty.to_token_stream().to_string()),
            error: self.error().or_else(|| connect::only_error(&variants)).map(|error| error.to_string()),
            refuses: false,
            conn: connect::only_conn(&variants),
        }
    }

    fn request(&self) -> TokenStream {
        types::request_beside(&self.response(), self.own_request(), self.krate)
    }

    fn own_request(&self) -> TokenStream {
        if let Some(written) = &self.service.request {
            return written.value.to_token_stream();
        }
        let first = unconditional_first(self.service.state_handlers())
            .filter(|(_, transition)| transition.takes_request())
            .find_map(|(_, transition)| transition.message.as_ref());
        match first {
            Some(param) => {
                types::or_unknown(Some(&param.written.ty), param.written.ty.to_token_stream(), self.krate)
            }
            None => types::unknown(self.krate),
        }
    }

    fn response(&self) -> TokenStream {
        if let Some(written) = &self.service.response {
            return written.value.to_token_stream();
        }
        if let Some(ty) = named_response(self.service) {
            return types::or_unknown(Some(ty), ty.to_token_stream(), self.krate);
        }
        let krate = self.krate;
        let unclear = self.by_another_name();
        unclear.rev().fold(types::unknown(krate), |otherwise, ty| {
            quote_spanned!(at(ty)=> <#ty as #krate::__private::NextTypes<#otherwise>>::Response)
        })
    }

    /// The success types of methods whose name does not tell whether it is a state or a pair.
    fn by_another_name(&self) -> impl DoubleEndedIterator<Item = &'a Type> {
        let is_there = |method: &Method| !method.is_conditional() && !method.sink.has_errors();
        let transition_handlers: Vec<_> =
            self.service.transition_handlers().filter(|(method, _)| is_there(method)).collect();
        transition_handlers.into_iter().filter_map(|(_, transition)| match &transition.return_shape {
            ReturnShape::Alias(ty) => Some(&**ty),
            _ => None,
        })
    }

    /// The error types of methods that return an alias.
    fn unclear_errors(&self) -> Vec<ErrorProjection> {
        let params = params(&self.service.head.generics);
        let of_moves = self.by_another_name().map(|ty| {
            let (ty, krate) = (ty.clone(), self.krate.clone());
            let return_kind = ReturnKind::Unresolved { ty: ty.clone(), concrete: is_concrete(&ty, &params) };
            Box::new(move |otherwise: TokenStream| match return_kind {
                ReturnKind::Unresolved { concrete: true, .. } => {
                    types::err_or(&return_kind, otherwise, &krate)
                }
                _ => quote_spanned!(at(&ty)=> <#ty as #krate::__private::NextTypes<#otherwise>>::Err),
            }) as ErrorProjection
        });
        of_moves.chain(interceptors::unclear_errors(self.service, self.krate)).collect()
    }

    /// The first state as a closure, for a hook that may return one or not.
    fn first_if_any(&self) -> TokenStream {
        let krate = self.krate;
        let is_start = |transition: &TransitionHandler| matches!(&transition.trigger, Trigger::State(options) if options.start.is_some());
        let has_data = self
            .state_handlers()
            .iter()
            .any(|(_, transition)| is_start(transition) && !transition.data.is_empty());
        if has_data {
            return quote_spanned!(Span::mixed_site()=> #krate::__private::NoStartState);
        }
        let first = self.first_state();
        quote_spanned!(Span::mixed_site()=> || #first)
    }

    /// `type Event`: the type of the first handler that is compiled. All have the same.
    fn events(&self) -> TokenStream {
        let mut types = TokenStream::new();
        let mut before: Vec<&Method> = Vec::new();
        for (method, transition) in unconditional_first(self.service.transition_handlers()) {
            let Some(param) = transition.message.as_ref().filter(|_| transition.takes_event()) else {
                continue;
            };
            let Some(first) = cfg::none_of(before.iter().copied()) else { break };
            let cfgs = method.function.cfgs();
            let ty =
                types::or_unknown(Some(&param.written.ty), param.written.ty.to_token_stream(), self.krate);
            let event = types::named("Event", &ty);
            types.extend(quote!(#(#cfgs)* #first #event));
            before.push(method);
        }
        let none = cfg::none_of(before).map(|cfg| quote!(#cfg type Event = ::core::convert::Infallible;));
        quote!(#types #none)
    }

    /// The error type of the first method that has one. `?` converts the errors of the others.
    fn error(&self) -> Option<TokenStream> {
        unconditional_first(self.service.transition_handlers())
            .find_map(|(_, transition)| types::err(&transition.return_kind, self.krate))
            .or_else(|| interceptors::error(self.service, self.krate))
    }

    /// The first state of sessions if `#[on(connect)]` makes none.
    fn first_state(&self) -> TokenStream {
        let is_start = |(_, transition): &&(&Method, &TransitionHandler)| matches!(&transition.trigger, Trigger::State(options) if options.start.is_some());
        let handlers = self.state_handlers();
        let variants: Vec<_> = handlers.iter().filter(is_start).collect();
        let krate = self.krate;
        let reported = || quote!(#krate::__private::never());
        let first = |(method, transition): &(&Method, &TransitionHandler)| match transition.data.first() {
            None => self.pattern(method, &[]).0,
            Some(_) if self.service.sink.has_errors() => reported(),
            // If `cfg`s decide whether a hook makes it, only the compiler can tell.
            Some(data) => {
                let message = no_first_data(&self.states.ident, method);
                quote_spanned!(at(&data.written.ty)=> ::core::compile_error!(#message))
            }
        };
        let Some(none) = cfg::none_of(variants.iter().map(|(method, _)| *method)) else {
            return variants
                .iter()
                .find(|(method, _)| !method.is_conditional())
                .map_or_else(reported, |start| first(start));
        };
        if variants.is_empty() {
            return reported();
        }
        let ways = variants.iter().map(|start| {
            let (cfgs, first) = (start.0.function.cfgs(), first(start));
            quote!(#(#cfgs)* { #first })
        });
        let message = "a session begins in one of its states: write `#[state(start)]` on one that is there";
        quote_spanned!(Span::mixed_site()=> { #(#ways)* #none { ::core::compile_error!(#message) } })
    }

    /// The value that most states have.
    pub(super) fn half_close(&self) -> HalfClose {
        let handlers = self.state_handlers();
        let cancels =
            handlers.iter().filter(|(_, transition)| transition.half_close() == HalfClose::Cancel).count();
        if cancels * 2 > handlers.len() { HalfClose::Cancel } else { HalfClose::Answer }
    }
}
