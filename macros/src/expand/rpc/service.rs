//! `impl Service`, whose session serves calls, and `impl RpcService`, which dispatches a call to
//! its method.

use super::{Block, Call};
use crate::{
    expand::{
        attrs,
        call::{argument, at_output, call, unused},
        cfg, connect, describe, hooks,
        service_types::ServiceTypes,
        span::at,
        types,
    },
    model::{Interceptor, Method, Param, ReturnKind, Shape, Side},
    parse::HalfClose,
    tokens::find_ident,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Type, ext::IdentExt};

impl Block<'_> {
    pub(super) fn service(&self) -> TokenStream {
        let (service, rpc) = (self.service_impl(), self.rpc_service_impl());
        quote!(#service #rpc)
    }

    /// `impl<..> Trait for Type where .. { items }`
    fn implement(&self, name: &TokenStream, docs: Option<&TokenStream>, items: &TokenStream) -> TokenStream {
        let head = &self.service.head;
        let (generics, _, where_clause) = head.generics.split_for_impl();
        let (attrs, ty) = (&self.expansion.attrs, &head.self_ty);
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #docs
            #[automatically_derived]
            impl #generics #name for #ty #where_clause { #items }
        }
    }

    fn service_impl(&self) -> TokenStream {
        let (krate, calls) = (self.expansion.krate, &self.call);
        let variants = connect::variants(self.service, None, krate);
        let service_types = self.service_types();
        let error = quote_spanned!(Span::mixed_site()=> #krate::SessionError);
        let types = connect::types(&variants, Some(&error), &[]);
        let on_connect = connect::methods(&variants, &quote!(()), &quote!(()), &service_types);
        let hooks = hooks::items(self.service, &service_types);
        let handlers = self.expansion.calls.iter().map(|call| {
            let (cfgs, name) = (call.cfgs(), call.function().sig.ident.unraw().to_string());
            quote_spanned!(Span::mixed_site()=> #(#cfgs)* #name)
        });
        let (description, docs) = describe::of(self.service, krate);
        let checks = connect::assertions(&variants, &quote!(#krate::rpc::private::is_shareable));
        let items = quote_spanned! {Span::mixed_site()=>
            type Request = #krate::rpc::ClientMessage<#calls>;
            type Response = #krate::rpc::ServerMessage<#calls>;
            #types
            type Event = ::core::convert::Infallible;
            type State = ();
            type Kind = #krate::__private::PerSession;
            const HANDLERS: &'static [&'static str] = &[#(#handlers,)*];
            fn stop_message() -> ::core::option::Option<Self::Response> {
                #krate::rpc::private::stop_message()
            }
            fn response_key(response: &Self::Response) -> ::core::option::Option<u64> {
                #krate::rpc::private::response_key(response)
            }
            fn replace_response(
                key: ::core::option::Option<u64>,
            ) -> ::core::ops::ControlFlow<(), ::core::option::Option<Self::Response>> {
                #krate::rpc::private::replace_response(key)
            }
            #on_connect
            #hooks
            async fn on_session(
                self: &::std::sync::Arc<Self>,
                conn: &mut <Self as #krate::Service>::Conn,
                session: &mut #krate::Session<<Self as #krate::Service>::Request, <Self as #krate::Service>::Response>,
            ) -> ::core::result::Result<(), #krate::SessionError> {
                #checks
                #[allow(unused_imports)]
                use #krate::rpc::private::NotShareable as _;
                #krate::rpc::private::Calls::<Self>::PROBE.serve(self, conn, session).await
            }
            #description
        };
        self.implement(&quote!(#krate::Service), docs.as_ref(), &items)
    }

    fn service_types(&self) -> ServiceTypes<'_> {
        let (krate, calls) = (self.expansion.krate, &self.call);
        let variants = connect::variants(self.service, None, krate);
        ServiceTypes {
            krate,
            request: quote!(#krate::rpc::ClientMessage<#calls>).to_string(),
            response: quote!(#krate::rpc::ServerMessage<#calls>).to_string(),
            event: None,
            error: Some(quote!(#krate::SessionError).to_string()),
            refuses: true,
            conn: connect::only_conn(&variants),
        }
    }

    fn rpc_service_impl(&self) -> TokenStream {
        let (krate, calls, reply) = (self.expansion.krate, &self.call, &self.reply);
        let max_in_flight = self.expansion.types.max_in_flight.as_ref().map(|written| {
            let self_ = find_ident(written.to_token_stream(), "self")
                .unwrap_or_else(|| Ident::new("self", Span::mixed_site()));
            quote_spanned! {Span::mixed_site()=>
                fn max_in_flight(&#self_) -> usize {
                    #written
                }
            }
        });
        let half_close = self.expansion.types.half_close.map(|written| {
            let written = match written {
                HalfClose::Cancel => quote!(Cancel),
                HalfClose::Answer => quote!(Answer),
            };
            quote_spanned! {Span::mixed_site()=>
                const HALF_CLOSE_OF_CALLS: ::core::option::Option<#krate::__private::HalfClose> =
                    ::core::option::Option::Some(#krate::__private::HalfClose::#written);
            }
        });
        let arms = self.expansion.calls.iter().map(|call| self.arm(call));
        let matched = match &self.implementation {
            Some(of_trait) => of_trait.matched(arms),
            None => quote_spanned!(Span::mixed_site()=> match call { #(#arms)* }),
        };
        let positions =
            self.implementation.as_ref().map(|of_trait| of_trait.positions(&self.expansion.calls));
        let (before, after) = (self.before(&matched), self.after());
        let answer = match after.is_empty() {
            true => quote_spanned!(Span::mixed_site()=> ::core::result::Result::Ok(#before)),
            false => quote_spanned! {Span::mixed_site()=>
                let reply: #reply = #before;
                #after
                ::core::result::Result::Ok(reply)
            },
        };
        let (takes_peer, takes_conn) = self.used();
        let sends_items =
            self.expansion.calls.iter().any(|call| call.item().is_some() && !call.method.sink.has_errors());
        let (context, conn) = (unused("context", !takes_peer && !sends_items), unused("conn", !takes_conn));
        let peer = takes_peer.then(|| quote_spanned!(Span::mixed_site()=> let peer = context.peer();));
        let allow = self
            .expansion
            .calls
            .iter()
            .any(|call| call.is_job() && attrs::is_deprecated(call.function()))
            .then(|| quote!(#[allow(deprecated)]));
        let items = quote_spanned! {Span::mixed_site()=>
            type Protocol = #calls;
            #half_close
            #max_in_flight
            #allow
            async fn handle_call(
                self: &::std::sync::Arc<Self>,
                #context: #krate::rpc::CallContext<'_, #calls>,
                #conn: &<Self as #krate::Service>::Conn,
                call: #calls,
            ) -> ::core::result::Result<#reply, #krate::rpc::Failure> {
                #positions
                #peer
                #answer
            }
        };
        self.implement(&quote!(#krate::rpc::RpcService), None, &items)
    }

    /// `ImagesCall::Count { .. } => ImagesReply::Count(Self::count(self).await),`
    fn arm(&self, one: &Call<'_>) -> TokenStream {
        let (krate, calls, reply) = (self.expansion.krate, &self.call, &self.reply);
        let (cfgs, name) = (one.cfgs(), &one.variant);
        let (locals, bindings) = (one.locals(), one.bindings());
        let has_errors = one.method.sink.has_errors();
        let value = match has_errors {
            true => quote_spanned!(Span::mixed_site()=> #krate::__private::never::<#reply>()),
            false => self.value(one, &locals),
        };
        match &self.implementation {
            Some(_) if has_errors => TokenStream::new(),
            Some(of_trait) => {
                let types = self.expansion.param_types(one);
                of_trait.arm(one, &locals, &types, &value)
            }
            None if has_errors => {
                quote_spanned!(Span::mixed_site()=> #(#cfgs)* #calls::#name { .. } => #value,)
            }
            None => quote_spanned! {Span::mixed_site()=>
                #(#cfgs)*
                #calls::#name { #bindings } => #reply::#name(#value),
            },
        }
    }

    /// What the method returns for these parameters, without the `Interrupted` of a job.
    fn value(&self, one: &Call<'_>, locals: &[Ident]) -> TokenStream {
        let function = one.function();
        let references = [
            one.rpc.peer.as_ref().map(|param| self.peer_arg(param)),
            one.rpc.conn.as_ref().map(|param| self.conn_arg(param)),
        ];
        let sender = one.rpc.sender.as_ref().map(|param| {
            let sender = argument("sender", param);
            // The job owns its sender.
            if one.is_job() { sender } else { quote_spanned!(at(&param.written.ty)=> &#sender) }
        });
        let owned: Vec<_> = sender.into_iter().chain(locals.iter().map(ToTokens::to_token_stream)).collect();
        let args = references.into_iter().flatten().chain(owned.iter().cloned());
        let fails = one.rpc.may_be_interrupted.then(|| quote_spanned!(at_output(function)=> ?));
        let tail = quote!(.await #fails);
        let value = match one.is_job() {
            true => {
                let mut name = function.sig.ident.clone();
                name.set_span(at(&name));
                quote_spanned!(at_output(function)=> Self::#name(self #(, #owned)*) #tail)
            }
            false => call(function, args, &tail),
        };
        match one.item() {
            Some((item, ty)) => self.with_items(one, &item, ty, &value),
            None => value,
        }
    }

    /// `context.with_items(ImagesReply::SearchItem, |sender| async move { value }).await`
    fn with_items(&self, one: &Call<'_>, item: &Ident, ty: &Type, value: &TokenStream) -> TokenStream {
        let (krate, reply) = (self.expansion.krate, &self.reply);
        let wrap = match &self.implementation {
            Some(of_trait) => of_trait.item(one, &self.expansion.sent(ty)),
            None => quote_spanned!(Span::mixed_site()=> #reply::#item),
        };
        // The `?` of an interrupted job is that of the whole call.
        let (value, fails) = match one.rpc.may_be_interrupted {
            true => (
                quote_spanned!(Span::mixed_site()=> ::core::result::Result::<_, #krate::rpc::Failure>::Ok(#value)),
                Some(quote_spanned!(Span::mixed_site()=> ?)),
            ),
            false => (value.clone(), None),
        };
        quote_spanned! {Span::mixed_site()=>
            context.with_items(#wrap, |sender| async move { #value }).await #fails
        }
    }

    /// The call for `#[before]`, checked to have this type.
    fn call_arg(&self, param: &Param) -> TokenStream {
        let (krate, calls, ty) = (self.expansion.krate, &self.call, &param.written.ty);
        let local = argument("call", param);
        match is_named(ty, calls) {
            true => local,
            false => quote_spanned!(at(ty)=> <#ty as #krate::__private::TakesRequest<#calls>>::taken(#local)),
        }
    }

    fn peer_arg(&self, param: &Param) -> TokenStream {
        self.service_types().peer_arg(param)
    }

    fn conn_arg(&self, param: &Param) -> TokenStream {
        self.service_types().shared_conn_arg(param)
    }

    /// The match over the calls, or `match Self::check(self, call).await { .. }` around it.
    fn before(&self, matched: &TokenStream) -> TokenStream {
        let (calls, reply) = (&self.call, &self.reply);
        let hooks: Vec<_> = self.service.valid_interceptors(Side::Before).collect();
        if hooks.is_empty() {
            return matched.clone();
        }
        let ty = quote_spanned!(Span::mixed_site()=> ::core::ops::ControlFlow<#reply, #calls>);
        let flows = hooks.iter().map(|(method, interceptor)| {
            let cfgs = method.function.cfgs();
            let message = interceptor.message.as_ref().map(|param| self.call_arg(param));
            let flow = self.intercepted(method, interceptor, message);
            let flow = match &interceptor.message {
                Some(param) if !is_named(&param.written.ty, calls) => {
                    let (krate, ty) = (self.expansion.krate, &param.written.ty);
                    quote_spanned!(at(ty)=> <#ty as #krate::__private::TakesRequest<#calls>>::continued(#flow))
                }
                _ => flow,
            };
            quote_spanned!(Span::mixed_site()=> #(#cfgs)* let flow: #ty = #flow;)
        });
        let passes = cfg::none_of(hooks.iter().map(|(method, _)| *method)).map(|cfg| {
            quote_spanned!(Span::mixed_site()=> #cfg let flow: #ty = ::core::ops::ControlFlow::Continue(call);)
        });
        quote_spanned! {Span::mixed_site()=>
            {
                #(#flows)*
                #passes
                match flow {
                    ::core::ops::ControlFlow::Continue(call) => #matched,
                    ::core::ops::ControlFlow::Break(reply) => reply,
                }
            }
        }
    }

    /// `Self::count(self, &reply).await;`
    fn after(&self) -> TokenStream {
        let one = |(method, interceptor): (&Method, &Interceptor)| {
            let cfgs = method.function.cfgs();
            let message = interceptor.message.as_ref().map(|param| {
                let local = argument("reply", param);
                let local = quote_spanned!(at(&param.written.ty)=> &#local);
                let (krate, reply) = (self.expansion.krate, &self.reply);
                match &param.shape {
                    Shape::Shared(reference) if !is_named(&reference.elem, reply) => {
                        let ty = &reference.elem;
                        quote_spanned!(at(ty)=> <#ty as #krate::__private::TakesResponse<#reply>>::borrowed(#local))
                    }
                    _ => local,
                }
            });
            let call = self.intercepted(method, interceptor, message);
            quote_spanned!(Span::mixed_site()=> #(#cfgs)* #call;)
        };
        self.service.valid_interceptors(Side::After).map(one).collect()
    }

    /// The call of an interceptor. Its error, if it has one, becomes the failure of the call.
    fn intercepted(
        &self,
        method: &Method,
        interceptor: &Interceptor,
        message: Option<TokenStream>,
    ) -> TokenStream {
        let krate = self.expansion.krate;
        let args = [
            interceptor.peer.as_ref().map(|param| self.peer_arg(param)),
            interceptor.conn.as_ref().map(|param| self.conn_arg(param)),
            message,
        ];
        let function = &method.function;
        let failure = quote_spanned!(at_output(function)=> #krate::rpc::Failure);
        let fails = types::err(&interceptor.return_kind, krate).map(|error| {
            let site = match &interceptor.return_kind {
                ReturnKind::Result { err, .. } => at(err),
                _ => at_output(function),
            };
            quote_spanned!(site=> .map_err(|error| <#error as #krate::__private::FailsWith<#failure>>::into_error(error))?)
        });
        let call = call(function, args.into_iter().flatten(), &quote!(.await #fails));
        match (&interceptor.return_kind, interceptor.side) {
            (ReturnKind::Unresolved { ty, .. }, Side::Before) => {
                quote_spanned!(at(ty)=> <#ty as #krate::__private::BeforeOutput<#failure>>::into_result(#call)?)
            }
            (ReturnKind::Unresolved { ty, .. }, Side::After) => {
                quote_spanned!(at(ty)=> <#ty as #krate::__private::UnitOrResult<#failure>>::into_result(#call)?)
            }
            _ => call,
        }
    }

    /// Whether a method takes the peer, and the connection's value.
    fn used(&self) -> (bool, bool) {
        let interceptors =
            || [Side::Before, Side::After].into_iter().flat_map(|side| self.service.valid_interceptors(side));
        let calls =
            || self.expansion.calls.iter().filter(|call| !call.method.sink.has_errors()).map(|call| call.rpc);
        let peer = calls().any(|rpc| rpc.peer.is_some())
            || interceptors().any(|(_, interceptor)| interceptor.peer.is_some());
        let conn = calls().any(|rpc| rpc.conn.is_some())
            || interceptors().any(|(_, interceptor)| interceptor.conn.is_some());
        (peer, conn)
    }
}

/// Whether the type is written as this name.
fn is_named(ty: &Type, name: &TokenStream) -> bool {
    ty.to_token_stream().to_string() == name.to_string()
}
