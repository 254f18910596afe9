//! `on_request`, `on_event` and `on_timeout` of a state machine: each matches on the state and
//! calls its handler.

use super::Machine;
use crate::{
    expand::{
        call::{at_output, call, unused},
        cfg, interceptors,
        span::at,
    },
    model::{Method, ReturnShape, Side, TransitionHandler, Trigger, variant},
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

impl Machine<'_> {
    pub(super) fn steps(&self) -> TokenStream {
        let krate = self.krate;
        let (request, event, timeout) = (self.on_request(), self.on_event(), self.on_timeout());
        let (names, limits, restarts) = (self.state_names(), self.state_limits(), self.event_restarts_idle());
        let takes_requests = self.takes_requests();
        let (half_closes, recover) = (self.half_closes(), self.recover());
        let states = &self.states.ident;
        quote_spanned! {Span::mixed_site()=>
            #request
            #event
            #timeout
            #names
            #limits
            #restarts
            #takes_requests
            #half_closes
            fn closes(state: &<Self as #krate::Service>::State) -> bool {
                ::core::matches!(state, #states::Closed)
            }
            #recover
        }
    }

    fn on_request(&self) -> TokenStream {
        let (krate, states) = (self.krate, &self.states.ident);
        let (handlers, others): (Vec<_>, Vec<_>) =
            self.state_handlers().into_iter().partition(|(_, step)| step.events_only().is_none());
        let arms = handlers.iter().map(|(method, step)| self.arm((method, step), method, step));
        // The session does not call this in a state that takes only events.
        let others = others.into_iter().map(|(method, step)| {
            let (cfgs, state) = (method.function.cfgs(), self.any((method, step)));
            quote_spanned!(Span::mixed_site()=> #(#cfgs)* state @ #state => #krate::__private::Step::go(state),)
        });
        let matched = quote_spanned! {Span::mixed_site()=>
            match state {
                #(#arms)*
                #(#others)*
                #states::Closed => #krate::__private::Step::go(#states::Closed),
            }
        };
        let answers = quote_spanned!(Span::mixed_site()=> #krate::__private::Step::reply(state, response));
        let step = match interceptors::before(self.service, &matched, &answers, &self.service_types()) {
            Some(before) => quote_spanned!(Span::mixed_site()=> { #before }),
            None => matched,
        };
        let ends = self.end(&step, &quote_spanned!(Span::mixed_site()=> step));
        let (peer, conn) = self.used(&handlers, &[Side::Before, Side::After]);
        let is_unused = handlers.is_empty() && self.service.valid_interceptors(Side::Before).next().is_none();
        let request = unused("request", is_unused);
        quote_spanned! {Span::mixed_site()=>
            async fn on_request(
                self: &::std::sync::Arc<Self>,
                state: <Self as #krate::Service>::State,
                #peer: &#krate::Peer<<Self as #krate::Service>::Response, <Self as #krate::Service>::Event>,
                #conn: &mut <Self as #krate::Service>::Conn,
                #request: <Self as #krate::Service>::Request,
            ) -> ::core::result::Result<#krate::__private::Step<Self>, <Self as #krate::Service>::Error> {
                #ends
            }
        }
    }

    /// `None` if no handler takes an event.
    fn on_event(&self) -> Option<TokenStream> {
        let krate = self.krate;
        let event = quote_spanned!(Span::mixed_site()=> event: <Self as #krate::Service>::Event);
        self.by_state("on_event", TransitionHandler::takes_event, Some(&event))
    }

    /// `None` if the block has no `#[on(timeout = ..)]`.
    fn on_timeout(&self) -> Option<TokenStream> {
        let is_timeout = |step: &TransitionHandler| matches!(step.trigger, Trigger::Timeout { .. });
        self.by_state("on_timeout", is_timeout, None)
    }

    /// `async fn on_event(..)` or `async fn on_timeout(..)`.
    fn by_state(
        &self,
        name: &str,
        is_called: impl Fn(&TransitionHandler) -> bool,
        message: Option<&TokenStream>,
    ) -> Option<TokenStream> {
        let krate = self.krate;
        let handlers: Vec<_> =
            self.service.transition_handlers().filter(|(_, step)| is_called(step)).collect();
        let arms = self.arms(&handlers)?;
        let ends =
            self.end(&arms, &quote_spanned!(Span::mixed_site()=> ::core::ops::ControlFlow::Continue(step)));
        let (peer, conn) = self.used(&handlers, &[Side::After]);
        let cfg = cfg::any_of(handlers.iter().map(|(method, _)| *method));
        let (name, message) = (Ident::new(name, Span::mixed_site()), message.into_iter());
        Some(quote_spanned! {Span::mixed_site()=>
            #cfg
            async fn #name(
                self: &::std::sync::Arc<Self>,
                state: <Self as #krate::Service>::State,
                #peer: &#krate::Peer<<Self as #krate::Service>::Response, <Self as #krate::Service>::Event>,
                #conn: &mut <Self as #krate::Service>::Conn,
                #(#message,)*
            ) -> ::core::result::Result<
                ::core::ops::ControlFlow<<Self as #krate::Service>::State, #krate::__private::Step<Self>>,
                <Self as #krate::Service>::Error,
            > {
                #ends
            }
        })
    }

    /// A match over the states of these handlers. Any other state is returned unchanged.
    fn arms(&self, handlers: &[(&Method, &TransitionHandler)]) -> Option<TokenStream> {
        let mut done: Vec<&Ident> = Vec::new();
        let mut arms = TokenStream::new();
        for (method, step) in handlers {
            let names = match &step.trigger {
                Trigger::Event { states, .. } => states.iter().collect(),
                Trigger::Timeout { state, .. } => state.iter().collect(),
                Trigger::State(_) => vec![&method.function.sig.ident],
            };
            for name in names {
                // A state that is unknown or has a handler already is reported.
                if done.contains(&name) && !method.is_conditional() {
                    continue;
                }
                let named = |(state, _): &(&Method, &TransitionHandler)| state.function.sig.ident == *name;
                for state in self.state_handlers().into_iter().filter(named) {
                    arms.extend(self.arm(state, method, step));
                }
                done.push(name);
            }
        }
        // If `cfg`s or errors leave no state, the match still needs a type, and the code after it
        // must not be unreachable.
        let krate = self.krate;
        let conditional = self.state_handlers().iter().any(|(state, _)| state.is_conditional())
            || self.service.sink.has_errors();
        let never = conditional.then(|| {
            quote_spanned!(Span::mixed_site()=> _ if false => #krate::__private::never::<#krate::__private::Step<Self>>(),)
        });
        (!handlers.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                match state {
                    #never
                    #arms
                    other => return ::core::result::Result::Ok(::core::ops::ControlFlow::Break(other)),
                }
            }
        })
    }

    /// { .. }`: the handler => `ChatState::Room(seat) => { ..
    /// }`: calls the handler with the data of the state, and makes its value a `Step`.
    fn arm(
        &self,
        (state, of): (&Method, &TransitionHandler),
        method: &Method,
        step: &TransitionHandler,
    ) -> TokenStream {
        let krate = self.krate;
        let function = &method.function;
        let mut cfgs: Vec<_> = state.function.cfgs().collect();
        if !std::ptr::eq(state, method) {
            cfgs.extend(function.cfgs());
        }
        if method.sink.has_errors() || state.sink.has_errors() {
            let (states, name) = (&self.states.ident, variant(&state.function.sig.ident));
            return quote_spanned!(Span::mixed_site()=> #(#cfgs)* #states::#name { .. } => #krate::__private::never::<#krate::__private::Step<Self>>(),);
        }
        let service_types = self.service_types();
        let (pattern, data) = self.pattern(state, &step.data);
        let message = |param| match step.takes_event() {
            true => service_types.event_arg(param),
            false => service_types.request_arg(param),
        };
        let data = data.iter().zip(&step.data).enumerate().map(|(index, (name, param))| {
            match of.data.get(index).filter(|_| !std::ptr::eq(state, method)) {
                Some(given) => service_types.data_arg(name, param, given),
                None => name.to_token_stream(),
            }
        });
        let args = step
            .peer
            .iter()
            .map(|param| service_types.peer_arg(param))
            .chain(step.conn.iter().map(|param| service_types.conn_arg(param)))
            .chain(data)
            .chain(step.message.iter().map(message));
        let fails = service_types.try_operator(function, &step.return_kind);
        let call = call(function, args, &quote!(.await #fails));
        let site = at_output(function);
        let next = match &step.return_shape {
            ReturnShape::State | ReturnShape::Unit => {
                quote_spanned!(site=> #krate::__private::Step::go(#call))
            }
            ReturnShape::ResponseAndState { response, state } => {
                // Located at the types, which are what a mismatch is about.
                let (answer, next) = (Ident::new("response", at(response)), Ident::new("next", at(state)));
                let is_state = service_types.next_state(&next, state, self.states);
                let step = match service_types.is_response(response) {
                    true => quote_spanned!(site=> reply(#is_state, #answer)),
                    false => {
                        let responses = service_types.responses(response, &answer.to_token_stream());
                        quote_spanned!(site=> new(#is_state, #responses))
                    }
                };
                quote_spanned! {site=>
                    {
                        let (#answer, #next) = #call;
                        #krate::__private::Step::<Self>::#step
                    }
                }
            }
            ReturnShape::Alias(_) => quote_spanned!(site=> #krate::__private::NextState::into_step(#call)?),
        };
        quote_spanned!(Span::mixed_site()=> #(#cfgs)* #pattern => #next,)
    }

    /// `let step = ..; after; Ok(step)`
    fn end(&self, step: &TokenStream, result: &TokenStream) -> TokenStream {
        let after = interceptors::after_step(self.service, &self.service_types());
        quote_spanned! {Span::mixed_site()=>
            let step = #step;
            #after
            ::core::result::Result::Ok(#result)
        }
    }

    /// The names of the parameters `peer` and `conn`: with an underscore if neither the handlers
    /// nor the interceptors take them.
    fn used(&self, handlers: &[(&Method, &TransitionHandler)], sides: &[Side]) -> (TokenStream, TokenStream) {
        let handlers =
            || handlers.iter().filter(|(method, _)| !method.sink.has_errors()).map(|(_, step)| step);
        let interceptors = || {
            sides
                .iter()
                .flat_map(|side| self.service.valid_interceptors(*side))
                .map(|(_, interceptor)| interceptor)
        };
        let peer = handlers().any(|step| step.peer.is_some())
            || interceptors().any(|interceptor| interceptor.peer.is_some());
        let conn = handlers().any(|step| step.conn.is_some())
            || interceptors().any(|interceptor| interceptor.conn.is_some());
        (unused("peer", !peer), unused("conn", !conn))
    }
}
