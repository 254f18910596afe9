//! `impl Service` of a `#[request]` or `#[session]` handler: its types, its hooks, and `on_request`
//! or `on_session`.
//!
//! There is one impl for each handler, under the `cfg`s of the handler: two handlers whose `cfg`s
//! exclude each other make two services, one of which is compiled.

use super::{
    attrs,
    call::{argument, call, unused},
    connect, describe, hooks, interceptors,
    service_types::ServiceTypes,
    span::at,
    stub,
    types::{self, ErrorProjection},
};
use crate::{
    check,
    model::{Handler, HandlerKind, Method, Param, ReturnKind, Service, SessionTypes, Side, element_response},
    parse::HalfClose,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Path, Type, ext::IdentExt};

/// All impls of the block; nothing if it has no handler.
pub(super) fn impls(service: &Service, krate: &Path) -> TokenStream {
    let mut handlers = service.handlers();
    if service.states.is_some() {
        // Handlers beside states are reported.
        return TokenStream::new();
    }
    let Some(first) = handlers.next() else { return stub::of_block(service, krate).unwrap_or_default() };
    let conditional = |(method, _): &(&Method, &Handler)| method.function.cfgs().next().is_some();
    // A second unconditional handler is reported, and makes no service.
    let others = handlers.filter(|other| conditional(&first) && conditional(other));
    std::iter::once(first)
        .chain(others)
        .map(|(method, handler)| HandlerImpl { service, method, handler, krate }.service_impl())
        .collect()
}

/// A handler and its service.
struct HandlerImpl<'a> {
    service: &'a Service,
    method: &'a Method,
    handler: &'a Handler,
    krate: &'a Path,
}

impl HandlerImpl<'_> {
    fn service_impl(&self) -> TokenStream {
        let krate = self.krate;
        let (request, response, error) = (self.request(), self.response(), self.error());
        let unclear = self.unclear_errors();
        let style = match self.handler.kind {
            HandlerKind::Request { .. } => quote!(PerRequest),
            HandlerKind::Session { .. } => quote!(PerSession),
        };
        let half_close = match self.handler.half_close {
            HalfClose::Cancel => quote!(Cancel),
            HalfClose::Answer => quote!(Answer),
        };
        let handler = self.method.function.sig.ident.unraw().to_string();
        let variants = connect::variants(self.service, None, krate);
        let types = connect::types(&variants, error.as_ref(), &unclear);
        let service_types = self.service_types();
        let on_connect = connect::methods(&variants, &quote!(()), &quote!(()), &service_types);
        let hooks = hooks::items(self.service, &service_types);
        let handles = match &self.handler.kind {
            HandlerKind::Request { request, batch: Some(batch), .. } => {
                self.on_requests(request.as_ref(), &batch.value)
            }
            HandlerKind::Request { request, .. } => self.on_request(request.as_ref()),
            HandlerKind::Session { session } => self.on_session(session.as_ref()),
        };
        let (description, docs) = describe::of(self.service, krate);
        let (request, response) = (types::named("Request", &request), types::named("Response", &response));
        let items = quote_spanned! {Span::mixed_site()=>
            #request
            #response
            #types
            type Event = ::core::convert::Infallible;
            type State = ();
            type Kind = #krate::__private::#style;
            const HANDLERS: &'static [&'static str] = &[#handler];
            const HALF_CLOSE: #krate::__private::HalfClose = #krate::__private::HalfClose::#half_close;
            #on_connect
            #hooks
            #handles
            #description
        };
        self.implement(docs.as_ref(), &items)
    }

    /// `impl<..> Service for Type where .. { items }`, under the `cfg`s of the block and of the
    /// handler.
    fn implement(&self, docs: Option<&TokenStream>, items: &TokenStream) -> TokenStream {
        let (krate, head) = (self.krate, &self.service.head);
        let (generics, _, where_clause) = head.generics.split_for_impl();
        let (attrs, cfgs) = (attrs::of_block(self.service), self.method.function.cfgs());
        let ty = &head.self_ty;
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #(#cfgs)*
            #docs
            #[automatically_derived]
            impl #generics #krate::Service for #ty #where_clause { #items }
        }
    }

    /// The error type of the handler, or of the interceptors.
    fn error(&self) -> Option<TokenStream> {
        types::err(&self.handler.return_kind, self.krate)
            .or_else(|| interceptors::error(self.service, self.krate))
    }

    fn service_types(&self) -> ServiceTypes<'_> {
        let variants = connect::variants(self.service, None, self.krate);
        ServiceTypes {
            krate: self.krate,
            request: self.request().to_string(),
            response: self.response().to_string(),
            event: None,
            error: self.error().or_else(|| connect::only_error(&variants)).map(|error| error.to_string()),
            refuses: false,
            conn: connect::only_conn(&variants),
        }
    }

    /// The error types of a handler and of interceptors that return an alias.
    fn unclear_errors(&self) -> Vec<ErrorProjection> {
        let krate = self.krate;
        let own = match (&self.handler.kind, &self.handler.return_kind) {
            (HandlerKind::Session { .. }, ReturnKind::Unresolved { ty, .. }) => {
                let ty = ty.clone();
                let krate = krate.clone();
                Some(Box::new(
                    move |otherwise: TokenStream| quote_spanned!(at(&ty)=> <#ty as #krate::__private::UnitOrResult<#otherwise>>::Err),
                ) as ErrorProjection)
            }
            (_, return_kind @ ReturnKind::Unresolved { concrete: true, .. }) => {
                let (return_kind, krate) = (return_kind.clone(), krate.clone());
                Some(Box::new(move |otherwise| types::err_or(&return_kind, otherwise, &krate))
                    as ErrorProjection)
            }
            _ => None,
        };
        own.into_iter().chain(interceptors::unclear_errors(self.service, krate)).collect()
    }

    fn request(&self) -> TokenStream {
        types::request_beside(&self.response(), self.own_request(), self.krate)
    }

    fn own_request(&self) -> TokenStream {
        let krate = self.krate;
        if let Some(written) = &self.service.request {
            return written.value.to_token_stream();
        }
        match &self.handler.kind {
            HandlerKind::Request { request: Some(request), .. } => match self.handler.request_type(request) {
                Some(ty) => types::or_unknown(Some(ty), ty.to_token_stream(), krate),
                None => types::unknown(krate),
            },
            HandlerKind::Session { session: Some(session) } => match Handler::session_types(session) {
                Some(SessionTypes::Written { request, .. }) => request.to_token_stream(),
                Some(SessionTypes::Alias(ty)) if !self.method.sink.has_errors() => {
                    quote_spanned!(at(ty)=> <#ty as #krate::__private::SessionTypes>::Request)
                }
                _ => types::unknown(krate),
            },
            _ => match self.method.function.params.last() {
                Some(last) => types::referent(&last.shape, krate),
                None => types::unknown(krate),
            },
        }
    }

    fn response(&self) -> TokenStream {
        let krate = self.krate;
        if let Some(written) = &self.service.response {
            return written.value.to_token_stream();
        }
        match &self.handler.kind {
            HandlerKind::Request { .. } => {
                if let Some(element) = element_response(self.service, self.handler) {
                    return types::or_unknown(Some(element), element.to_token_stream(), krate);
                }
                let output = self.method.function.output();
                // A handler that returns an `Offload` is reported.
                if self.method.sink.has_errors() && output.is_some_and(check::is_offload) {
                    return types::unknown(krate);
                }
                types::or_unknown(output, types::ok(&self.handler.return_kind, krate), krate)
            }
            HandlerKind::Session { session } => match session.as_ref().and_then(Handler::session_types) {
                Some(SessionTypes::Written { response, .. }) => response.to_token_stream(),
                Some(SessionTypes::Alias(ty)) if !self.method.sink.has_errors() => {
                    quote_spanned!(at(ty)=> <#ty as #krate::__private::SessionTypes>::Response)
                }
                _ => types::unknown(krate),
            },
        }
    }

    /// `async fn on_request(..)`: one request to one response.
    fn on_request(&self, request: Option<&Param>) -> TokenStream {
        let krate = self.krate;
        let request = request.map(|param| self.service_types().request_arg(param));
        let declared = quote_spanned!(Span::mixed_site()=> request: <Self as #krate::Service>::Request);
        self.step("on_request", request, &declared)
    }

    /// The constant of the size of a batch, and `async fn on_requests(..)`.
    fn on_requests(&self, requests: Option<&Param>, max: &Expr) -> TokenStream {
        let krate = self.krate;
        let item = requests.and_then(|param| Some((param, self.handler.request_type(param)?)));
        let requests = item.map(|(param, item)| self.service_types().requests_arg(param, item));
        let declared = quote_spanned! {Span::mixed_site()=>
            requests: ::std::vec::Vec<<Self as #krate::Service>::Request>
        };
        let step = self.step("on_requests", requests, &declared);
        quote_spanned! {at(max)=>
            const MAX_BATCH: usize = #krate::__private::batch_size(#max);
            #step
        }
    }

    /// `async fn name(..)`, which calls the handler with `request`, declared as `declared`.
    fn step(&self, name: &str, request: Option<TokenStream>, declared: &TokenStream) -> TokenStream {
        let (krate, site, service_types) = (self.krate, Span::mixed_site(), self.service_types());
        let Handler { peer, conn, return_kind, .. } = self.handler;
        let function = &self.method.function;
        let body = if !self.method.sink.has_errors() {
            let args = [
                peer.as_ref().map(|param| service_types.peer_arg(param)),
                conn.as_ref().map(|param| service_types.conn_arg(param)),
                request,
            ];
            let fails = service_types.try_operator(function, return_kind);
            let response = call(function, args.into_iter().flatten(), &quote!(.await #fails));
            let response = types::settled(return_kind, &response, krate);
            let response = self.wired(response);
            let answers = quote_spanned!(site=> response);
            if self.returns_response() {
                let response = self.through_before(&response, &answers, &service_types);
                let after = interceptors::after(self.service, &service_types);
                // With this type, a mismatch is reported at the value.
                let ty = self.response();
                quote_spanned! {site=>
                    let response: #ty = #response;
                    #after
                    ::core::result::Result::Ok(#krate::__private::Step::reply(state, response))
                }
            } else {
                let ty = types::ok(return_kind, krate);
                let responses = service_types.responses(&ty, &response);
                let answers = quote_spanned!(site=> #krate::__private::Responses::One(#answers));
                let responses = self.through_before(&responses, &answers, &service_types);
                let after = interceptors::after_step(self.service, &service_types);
                quote_spanned! {site=>
                    let step = #krate::__private::Step::<Self>::new(state, #responses);
                    #after
                    ::core::result::Result::Ok(step)
                }
            }
        } else {
            quote_spanned!(site=> ::core::unreachable!())
        };
        let interceptors =
            || [Side::Before, Side::After].into_iter().flat_map(|side| self.service.valid_interceptors(side));
        let (peer, conn) = (
            unused(
                "peer",
                peer.is_none() && interceptors().all(|(_, interceptor)| interceptor.peer.is_none()),
            ),
            unused(
                "conn",
                conn.is_none() && interceptors().all(|(_, interceptor)| interceptor.conn.is_none()),
            ),
        );
        let name = Ident::new(name, at(&function.sig.ident));
        quote_spanned! {at(&function.sig.ident)=>
            async fn #name(
                self: &::std::sync::Arc<Self>,
                state: <Self as #krate::Service>::State,
                #peer: &#krate::Peer<<Self as #krate::Service>::Response, <Self as #krate::Service>::Event>,
                #conn: &mut <Self as #krate::Service>::Conn,
                #declared,
            ) -> ::core::result::Result<#krate::__private::Step<Self>, <Self as #krate::Service>::Error> {
                #body
            }
        }
    }

    /// The response of a handler with `send_result`. If its type is an alias, a trait of the
    /// runtime checks that it is a `Result`.
    fn wired(&self, response: TokenStream) -> TokenStream {
        let krate = self.krate;
        match (&self.handler.kind, self.method.function.output()) {
            (HandlerKind::Request { send_result: Some(_), .. }, Some(ty))
                if !ReturnKind::of(Some(ty)).is_fallible() =>
            {
                quote_spanned!(at(ty)=> <#ty as #krate::__private::SendsResult>::response(#response))
            }
            _ => response,
        }
    }

    /// Whether what the handler returns is the service's response, as far as tokens tell. For other
    /// types, the compiler decides.
    fn returns_response(&self) -> bool {
        let ty = match &self.handler.return_kind {
            ReturnKind::Unit | ReturnKind::Plain(Type::Never(_)) => return true,
            ReturnKind::Unresolved { ty, .. } => ty.to_token_stream(),
            return_kind => types::ok(return_kind, self.krate),
        };
        let is_named =
            self.service.response.is_some() || element_response(self.service, self.handler).is_some();
        !is_named || ty.to_string() == self.response().to_string()
    }

    /// The response of the handler, or `answers`, which is that of `#[before]`.
    fn through_before(
        &self,
        response: &TokenStream,
        answers: &TokenStream,
        service_types: &ServiceTypes<'_>,
    ) -> TokenStream {
        match interceptors::before(self.service, response, answers, service_types) {
            Some(before) => quote_spanned!(Span::mixed_site()=> { #before }),
            None => response.clone(),
        }
    }

    /// `async fn on_session(..)`: a whole connection.
    fn on_session(&self, session: Option<&Param>) -> TokenStream {
        let (krate, site, service_types) = (self.krate, Span::mixed_site(), self.service_types());
        let Handler { conn, return_kind, .. } = self.handler;
        let function = &self.method.function;
        let body = if !self.method.sink.has_errors() {
            let args = [
                conn.as_ref().map(|param| service_types.conn_arg(param)),
                session.map(|param| argument("session", param)),
            ];
            let call = call(function, args.into_iter().flatten(), &quote!(.await));
            match return_kind {
                ReturnKind::Unresolved { ty, .. } => {
                    let error = quote_spanned!(at(ty)=> <Self as #krate::Service>::Error);
                    quote_spanned!(at(ty)=> <#ty as #krate::__private::UnitOrResult<#error>>::into_result(#call))
                }
                return_kind if return_kind.is_fallible() => call,
                _ => quote_spanned!(site=> #call; ::core::result::Result::Ok(())),
            }
        } else {
            quote_spanned!(site=> ::core::unreachable!())
        };
        let conn = unused("conn", conn.is_none());
        quote_spanned! {at(&function.sig.ident)=>
            async fn on_session(
                self: &::std::sync::Arc<Self>,
                #conn: &mut <Self as #krate::Service>::Conn,
                session: &mut #krate::Session<<Self as #krate::Service>::Request, <Self as #krate::Service>::Response>,
            ) -> ::core::result::Result<(), <Self as #krate::Service>::Error> {
                #body
            }
        }
    }
}
