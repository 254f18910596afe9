//! State machines: the enum of the states, `impl Service`, and `impl Steps` that leads from state to state.

use super::{
    around, at, connect, hooks,
    service::{argument, at_output, call, unused},
    types,
};
use crate::{
    model::{Cause, Gives, Method, Move, Param, Service, Side, StateEnum, variant},
    parse::{HalfClose, Limit},
};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, GenericParam, Generics, Path, Type, ext::IdentExt};

/// A block with states, and their enum.
pub(super) struct Machine<'a> {
    service: &'a Service,
    states: &'a StateEnum,
    krate: &'a Path,
}

/// The enum and the impls; none if the block has no states.
pub(super) fn items(service: &Service, krate: &Path) -> TokenStream {
    let Some(states) = &service.states else { return TokenStream::new() };
    let machine = Machine { service, states, krate };
    let (states, next) = (machine.state_enum(), machine.next_impl());
    let (service, steps) = (machine.service_impl(), machine.steps_impl());
    quote!(#states #next #service #steps)
}

impl<'a> Machine<'a> {
    /// Each state once; of two methods that make one variant, which was reported, the first.
    fn state_handlers(&self) -> Vec<(&'a Method, &'a Move)> {
        let mut known: Vec<Ident> = vec![format_ident!("Closed")];
        let is_new = |(method, _): &(&Method, &Move)| {
            let name = variant(&method.function.sig.ident);
            let is_new = !known.contains(&name) || method.function.cfgs().next().is_some();
            known.push(name);
            is_new
        };
        self.service.state_handlers().filter(is_new).collect()
    }

    // ---- the enum

    fn state_enum(&self) -> TokenStream {
        let StateEnum { ident, vis, derive } = self.states;
        // A private type can't be a part of a public service (E0446), and the block does not say which kind this is.
        let (vis, lint) = match vis {
            Some(vis) => (vis.to_token_stream(), None),
            None => (quote!(pub), Some(quote!(unreachable_pub, private_interfaces, private_bounds,))),
        };
        let derive = (!derive.is_empty()).then(|| quote!(#[derive(#(#derive),*)]));
        let cfgs = self.block_cfgs();
        let generics = self.enum_generics();
        let doc = " Where a session stands: a variant for each `#[state]`.";
        let variants = self.state_handlers().into_iter().map(|(method, step)| {
            let function = &method.function;
            let name = variant(&function.sig.ident);
            let attrs = function
                .attrs
                .iter()
                .filter(|attr| attr.path().is_ident("doc") || attr.path().is_ident("cfg"));
            let undocumented = !function.attrs.iter().any(|attr| attr.path().is_ident("doc"));
            let doc = undocumented.then(|| {
                let doc = format!(" The state `{}`.", function.sig.ident.unraw());
                quote!(#[doc = #doc])
            });
            let data = step.data.iter().map(|param| types::kept(&param.written.ty, self.krate));
            let data = (!step.data.is_empty()).then(|| quote!((#(#data),*)));
            quote!(#(#attrs)* #doc #name #data)
        });
        quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            #[doc = #doc]
            #derive
            #[allow(#lint clippy::large_enum_variant)]
            #vis enum #ident #generics {
                #(#variants,)*
                /// The session ends, once what it has to say is written.
                Closed,
            }
        }
    }

    /// Those of the block that the states' data mention.
    fn enum_generics(&self) -> Generics {
        let data: TokenStream = self
            .service
            .state_handlers()
            .flat_map(|(_, step)| &step.data)
            .map(|param| param.written.ty.to_token_stream())
            .collect();
        let mut generics = self.service.head.generics.clone();
        generics.where_clause = None;
        generics.params = generics
            .params
            .into_iter()
            .filter_map(|param| match param {
                GenericParam::Type(mut param) if mentions(data.clone(), &param.ident) => {
                    param.bounds.clear();
                    param.colon_token = None;
                    Some(GenericParam::Type(param))
                }
                GenericParam::Const(param) if mentions(data.clone(), &param.ident) => {
                    Some(GenericParam::Const(param))
                }
                _ => None,
            })
            .collect();
        generics
    }

    /// `ChatState<S>`
    fn state_type(&self) -> TokenStream {
        let ident = &self.states.ident;
        let generics = self.enum_generics();
        let (_, generics, _) = generics.split_for_impl();
        quote!(#ident #generics)
    }

    /// `ChatState::Room(seat)`: a state taken apart, and the names of its data.
    fn pattern(&self, method: &Method, data: &[Param]) -> (TokenStream, Vec<Ident>) {
        let (states, name) = (&self.states.ident, variant(&method.function.sig.ident));
        let names: Vec<_> = data.iter().enumerate().map(|(index, param)| data_name(index, param)).collect();
        let data = (!names.is_empty()).then(|| quote!((#(#names),*)));
        (quote!(#states::#name #data), names)
    }

    /// `ChatState::Room(..)`
    fn any(&self, (method, step): (&Method, &Move)) -> TokenStream {
        let (states, name) = (&self.states.ident, variant(&method.function.sig.ident));
        let data = (!step.data.is_empty()).then(|| quote!((..)));
        quote!(#states::#name #data)
    }

    /// For methods that return a state by another name; nothing, if there are none.
    fn next_impl(&self) -> Option<TokenStream> {
        let by_another_name = |(_, step): (&Method, &Move)| matches!(step.gives, Gives::Alias(_));
        self.service.moves().any(by_another_name).then(|| {
            let (krate, head, states) = (self.krate, &self.service.head, self.state_type());
            let (generics, _, where_clause) = head.generics.split_for_impl();
            let (cfgs, ty) = (self.block_cfgs(), &head.self_ty);
            quote_spanned! {Span::mixed_site()=>
                #(#cfgs)*
                #[automatically_derived]
                impl #generics #krate::__private::NextState<#ty> for #states #where_clause {
                    fn into_step(self) -> #krate::__private::Step<#ty> {
                        #krate::__private::Step::go(self)
                    }
                }
            }
        })
    }

    // ---- impl Service

    fn service_impl(&self) -> TokenStream {
        let krate = self.krate;
        let (request, response, event) = (self.request(), self.response(), self.event());
        let states = self.state_type();
        let half_close = half_close(self.half_close(), krate);
        let starts = connect::starts(self.service, krate);
        let types = connect::types(&starts, self.error().as_ref());
        let on_connect = connect::methods(&starts, &self.first_state(), krate);
        let hooks = hooks::items(self.service, krate);
        let items = quote_spanned! {Span::mixed_site()=>
            type Request = #request;
            type Response = #response;
            #types
            type Event = #event;
            type State = #states;
            type Style = #krate::__private::Stepwise;
            const HALF_CLOSE: #krate::__private::HalfClose = #half_close;
            #on_connect
            #hooks
        };
        self.implement(&quote!(#krate::Service), &items)
    }

    fn request(&self) -> TokenStream {
        if let Some(written) = &self.service.request {
            return written.value.to_token_stream();
        }
        let first = self.service.state_handlers().find_map(|(_, step)| step.message.as_ref());
        match first {
            Some(param) => {
                types::known(Some(&param.written.ty), param.written.ty.to_token_stream(), self.krate)
            }
            None => types::unknown(self.krate),
        }
    }

    fn response(&self) -> TokenStream {
        if let Some(written) = &self.service.response {
            return written.value.to_token_stream();
        }
        match named_response(self.service) {
            Some(ty) => types::known(Some(ty), ty.to_token_stream(), self.krate),
            None => types::unknown(self.krate),
        }
    }

    fn event(&self) -> TokenStream {
        let events = |(_, step): (&'a Method, &'a Move)| match step.cause {
            Cause::Event { .. } => step.message.as_ref(),
            _ => None,
        };
        match self.service.moves().find_map(events) {
            Some(param) => {
                types::known(Some(&param.written.ty), param.written.ty.to_token_stream(), self.krate)
            }
            None => quote!(::core::convert::Infallible),
        }
    }

    /// That of the first method that can fail; the others' are turned into it, by `?`.
    fn error(&self) -> Option<TokenStream> {
        let of_moves = self.service.moves().map(|(_, step)| &step.outcome);
        let of_arounds = [Side::Before, Side::After]
            .into_iter()
            .flat_map(|side| self.service.arounds(side))
            .map(|(_, around)| &around.outcome);
        of_moves.chain(of_arounds).find_map(|outcome| types::err(outcome, self.krate))
    }

    /// Where sessions begin, unless `#[on(connect)]` says otherwise.
    fn first_state(&self) -> TokenStream {
        let is_start = |(_, step): &&(&Method, &Move)| matches!(&step.cause, Cause::Request(options) if options.start.is_some());
        let handlers = self.state_handlers();
        match handlers.iter().find(is_start) {
            Some((method, step)) if step.data.is_empty() => self.pattern(method, &[]).0,
            // Reported, or given by the hook.
            _ => quote!(::core::unimplemented!()),
        }
    }

    // ---- impl Steps

    fn steps_impl(&self) -> TokenStream {
        let krate = self.krate;
        let (step, event, timed_out) = (self.step(), self.event_fn(), self.timed_out());
        let (names, limits, half_closes, recover) =
            (self.state_name(), self.state_limits(), self.half_closes(), self.recover());
        let states = &self.states.ident;
        let items = quote_spanned! {Span::mixed_site()=>
            #step
            #event
            #timed_out
            #names
            #limits
            #half_closes
            fn closes(state: &Self::State) -> bool {
                ::core::matches!(state, #states::Closed)
            }
            #recover
        };
        self.implement(&quote!(#krate::__private::Steps), &items)
    }

    fn step(&self) -> TokenStream {
        let (krate, states) = (self.krate, &self.states.ident);
        let handlers = self.state_handlers();
        let arms = handlers.iter().map(|(method, step)| self.arm(method, method, step));
        let moves = quote_spanned! {Span::mixed_site()=>
            match state {
                #(#arms)*
                #states::Closed => #krate::__private::Step::go(#states::Closed),
            }
        };
        let step = match self.service.around(Side::Before) {
            Some((method, around)) => {
                let answers =
                    quote_spanned!(Span::mixed_site()=> #krate::__private::Step::reply(state, response));
                let before = around::before(method, around, &moves, &answers);
                quote_spanned!(Span::mixed_site()=> { #before })
            }
            None => moves,
        };
        let ends = self.end(&step, &quote_spanned!(Span::mixed_site()=> step));
        let (peer, conn) = self.used(&handlers, &[Side::Before, Side::After]);
        quote_spanned! {Span::mixed_site()=>
            async fn step(
                self: &::std::sync::Arc<Self>,
                state: Self::State,
                #peer: &#krate::Peer<Self::Response, Self::Event>,
                #conn: &mut Self::Conn,
                request: Self::Request,
            ) -> ::core::result::Result<#krate::__private::Step<Self>, Self::Error> {
                #ends
            }
        }
    }

    /// Nothing, if the block has no `#[event]`.
    fn event_fn(&self) -> Option<TokenStream> {
        let krate = self.krate;
        let handlers: Vec<_> =
            self.service.moves().filter(|(_, step)| matches!(step.cause, Cause::Event { .. })).collect();
        let arms = self.arms(&handlers)?;
        let ends =
            self.end(&arms, &quote_spanned!(Span::mixed_site()=> ::core::ops::ControlFlow::Continue(step)));
        let (peer, conn) = self.used(&handlers, &[Side::After]);
        Some(quote_spanned! {Span::mixed_site()=>
            async fn event(
                self: &::std::sync::Arc<Self>,
                state: Self::State,
                #peer: &#krate::Peer<Self::Response, Self::Event>,
                #conn: &mut Self::Conn,
                event: Self::Event,
            ) -> ::core::result::Result<
                ::core::ops::ControlFlow<Self::State, #krate::__private::Step<Self>>,
                Self::Error,
            > {
                #ends
            }
        })
    }

    /// Nothing, if the block has no `#[on(timeout = ..)]`.
    fn timed_out(&self) -> Option<TokenStream> {
        let krate = self.krate;
        let handlers: Vec<_> =
            self.service.moves().filter(|(_, step)| matches!(step.cause, Cause::Timeout { .. })).collect();
        let arms = self.arms(&handlers)?;
        let ends =
            self.end(&arms, &quote_spanned!(Span::mixed_site()=> ::core::ops::ControlFlow::Continue(step)));
        let (peer, conn) = self.used(&handlers, &[Side::After]);
        Some(quote_spanned! {Span::mixed_site()=>
            async fn timed_out(
                self: &::std::sync::Arc<Self>,
                state: Self::State,
                #peer: &#krate::Peer<Self::Response, Self::Event>,
                #conn: &mut Self::Conn,
            ) -> ::core::result::Result<
                ::core::ops::ControlFlow<Self::State, #krate::__private::Step<Self>>,
                Self::Error,
            > {
                #ends
            }
        })
    }

    /// A match over the states that these handlers are for; in any other, the state is given back.
    fn arms(&self, handlers: &[(&Method, &Move)]) -> Option<TokenStream> {
        let mut done: Vec<&Ident> = Vec::new();
        let mut arms = TokenStream::new();
        for (method, step) in handlers {
            let names = match &step.cause {
                Cause::Event { states, .. } => states.iter().collect(),
                Cause::Timeout { state, .. } => state.iter().collect(),
                Cause::Request(_) => Vec::new(),
            };
            for name in names {
                // One that is unknown, or has a handler already, was reported.
                let state =
                    self.state_handlers().into_iter().find(|(state, _)| state.function.sig.ident == *name);
                if let Some((state, _)) = state.filter(|_| !done.contains(&name)) {
                    arms.extend(self.arm(state, method, step));
                    done.push(name);
                }
            }
        }
        (!handlers.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                match state {
                    #arms
                    other => return ::core::result::Result::Ok(::core::ops::ControlFlow::Break(other)),
                }
            }
        })
    }

    /// `ChatState::Room(seat) => { .. }`: the handler is called with the state's data, and gives a `Step`.
    fn arm(&self, state: &Method, method: &Method, step: &Move) -> TokenStream {
        let krate = self.krate;
        let function = &method.function;
        let mut cfgs: Vec<_> = state.function.cfgs().collect();
        if !std::ptr::eq(state, method) {
            cfgs.extend(function.cfgs());
        }
        if !method.sink.is_clean() || !state.sink.is_clean() {
            let (states, name) = (&self.states.ident, variant(&state.function.sig.ident));
            return quote_spanned!(Span::mixed_site()=> #(#cfgs)* #states::#name { .. } => ::core::unimplemented!(),);
        }
        let (pattern, data) = self.pattern(state, &step.data);
        let message = match step.cause {
            Cause::Event { .. } => "event",
            Cause::Request(_) | Cause::Timeout { .. } => "request",
        };
        let args = step
            .peer
            .iter()
            .map(|param| argument("peer", param))
            .chain(step.conn.iter().map(|param| argument("conn", param)))
            .chain(data.iter().map(ToTokens::to_token_stream))
            .chain(step.message.iter().map(|param| argument(message, param)));
        let fails = step.outcome.is_fallible().then(|| quote_spanned!(at_output(function)=> ?));
        let call = call(function, args, &quote!(.await #fails));
        let site = at_output(function);
        let next = match &step.gives {
            Gives::State | Gives::Nothing => quote_spanned!(site=> #krate::__private::Step::go(#call)),
            Gives::Both { response } => {
                // Spanned at its type: that is what a mismatch is about.
                let response = Ident::new("response", at(response));
                quote_spanned! {site=>
                    {
                        let (#response, state) = #call;
                        #krate::__private::Step::<Self>::reply(state, #response)
                    }
                }
            }
            Gives::Alias(_) => quote_spanned!(site=> #krate::__private::NextState::into_step(#call)),
        };
        quote_spanned!(Span::mixed_site()=> #(#cfgs)* #pattern => #next,)
    }

    /// `let step = ..; after; Ok(step)`
    fn end(&self, step: &TokenStream, result: &TokenStream) -> TokenStream {
        let after = self.service.around(Side::After).map(|(method, around)| {
            let after = around::after(method, around, true);
            quote_spanned! {Span::mixed_site()=>
                if let ::core::option::Option::Some(response) = &step.response {
                    #after;
                }
            }
        });
        quote_spanned! {Span::mixed_site()=>
            let step = #step;
            #after
            ::core::result::Result::Ok(#result)
        }
    }

    /// The parameters `peer` and `conn`, by what these handlers, and what is around them, take.
    fn used(&self, handlers: &[(&Method, &Move)], sides: &[Side]) -> (TokenStream, TokenStream) {
        let handlers = || handlers.iter().filter(|(method, _)| method.sink.is_clean()).map(|(_, step)| step);
        let arounds = || sides.iter().filter_map(|side| self.service.around(*side)).map(|(_, around)| around);
        let peer =
            handlers().any(|step| step.peer.is_some()) || arounds().any(|around| around.peer.is_some());
        let conn =
            handlers().any(|step| step.conn.is_some()) || arounds().any(|around| around.conn.is_some());
        (unused("peer", !peer), unused("conn", !conn))
    }

    fn state_name(&self) -> TokenStream {
        let states = &self.states.ident;
        let arms = self.state_handlers().into_iter().map(|(method, step)| {
            let (cfgs, state) = (method.function.cfgs(), self.any((method, step)));
            let name = method.function.sig.ident.unraw().to_string();
            quote!(#(#cfgs)* #state => #name,)
        });
        quote_spanned! {Span::mixed_site()=>
            fn state_name(state: &Self::State) -> &'static str {
                match state {
                    #(#arms)*
                    #states::Closed => "closed",
                }
            }
        }
    }

    /// Nothing, if no state has limits.
    fn state_limits(&self) -> Option<TokenStream> {
        let krate = self.krate;
        let (mut arms, mut all) = (TokenStream::new(), TokenStream::new());
        for (method, step) in self.state_handlers() {
            let Some((idle, within)) = step.limits() else { continue };
            let (cfgs, state) = (method.function.cfgs().collect::<Vec<_>>(), self.any((method, step)));
            let (idle, within) = (limit(idle), limit(within));
            arms.extend(quote!(#(#cfgs)* #state => #krate::StateLimits { idle: #idle, within: #within },));
            all.extend(quote!(#(#cfgs)* #idle, #(#cfgs)* #within,));
        }
        (!arms.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                const SHORTEST_LIMIT: ::core::option::Option<::core::time::Duration> = #krate::__private::shortest(&[#all]);
                fn state_limits(state: &Self::State) -> #krate::StateLimits {
                    match state {
                        #arms
                        _ => #krate::StateLimits::NONE,
                    }
                }
            }
        })
    }

    /// What most states have.
    fn half_close(&self) -> HalfClose {
        let handlers = self.state_handlers();
        let cancels = handlers.iter().filter(|(_, step)| step.half_close() == HalfClose::Cancel).count();
        if cancels * 2 > handlers.len() { HalfClose::Cancel } else { HalfClose::Answer }
    }

    /// Nothing, if all states have the same.
    fn half_closes(&self) -> Option<TokenStream> {
        let krate = self.krate;
        let usual = self.half_close();
        let arms: Vec<_> = self
            .state_handlers()
            .into_iter()
            .filter(|(_, step)| step.half_close() != usual)
            .map(|(method, step)| {
                let (cfgs, state) = (method.function.cfgs(), self.any((method, step)));
                let half_close = half_close(step.half_close(), krate);
                quote!(#(#cfgs)* #state => #half_close,)
            })
            .collect();
        (!arms.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                fn half_close(state: &Self::State) -> #krate::__private::HalfClose {
                    match state {
                        #(#arms)*
                        _ => <Self as #krate::Service>::HALF_CLOSE,
                    }
                }
            }
        })
    }

    /// States without data can be gone on in; nothing, if there are none.
    fn recover(&self) -> Option<TokenStream> {
        let arms: Vec<_> = self
            .state_handlers()
            .into_iter()
            .filter(|(_, step)| step.data.is_empty())
            .map(|(method, _)| {
                let (cfgs, state) = (method.function.cfgs(), self.pattern(method, &[]).0);
                let name = method.function.sig.ident.unraw().to_string();
                quote!(#(#cfgs)* #name => ::core::option::Option::Some(#state),)
            })
            .collect();
        (!arms.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                fn recover(self: &::std::sync::Arc<Self>, name: &'static str) -> ::core::option::Option<Self::State> {
                    match name {
                        #(#arms)*
                        _ => ::core::option::Option::None,
                    }
                }
            }
        })
    }

    fn block_cfgs(&self) -> impl Iterator<Item = &'a Attribute> {
        self.service.head.attrs.iter().filter(|attr| attr.path().is_ident("cfg"))
    }

    fn implement(&self, of: &TokenStream, items: &TokenStream) -> TokenStream {
        let head = &self.service.head;
        let (generics, _, where_clause) = head.generics.split_for_impl();
        let (cfgs, ty) = (self.block_cfgs(), &head.self_ty);
        // A stand-in behind a mistake uses none of its parameters.
        let quiet = (!self.service.sink.is_clean()).then(|| quote!(#[allow(unused)]));
        quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            #[automatically_derived]
            #quiet
            impl #generics #of for #ty #where_clause { #items }
        }
    }
}

/// The response that a method of a machine names, if one does.
pub(crate) fn named_response(service: &Service) -> Option<&Type> {
    let of_moves = service.moves().find_map(|(_, step)| match &step.gives {
        Gives::Both { response } => Some(response),
        _ => None,
    });
    of_moves.or_else(|| service.arounds(Side::Before).find_map(|(_, around)| around.response()))
}

/// The user's own name for it, unless that is one of ours.
fn data_name(index: usize, param: &Param) -> Ident {
    const OURS: [&str; 5] = ["peer", "conn", "request", "event", "state"];
    let site = at(&param.written.ty);
    match param.name() {
        Some(name) if OURS.iter().all(|ours| name != ours) => {
            let mut name = name.clone();
            name.set_span(site);
            name
        }
        _ => Ident::new(&format!("data{index}"), site),
    }
}

/// `Some(Duration)`, or `None`.
fn limit(limit: Option<&Limit>) -> TokenStream {
    match limit {
        None => quote!(::core::option::Option::None),
        Some(Limit::Literal(duration)) => {
            let duration = super::duration(*duration);
            quote!(::core::option::Option::Some(#duration))
        }
        Some(Limit::Expr(expr)) => quote_spanned!(at(expr)=> ::core::option::Option::Some(#expr)),
    }
}

fn half_close(half_close: HalfClose, krate: &Path) -> TokenStream {
    match half_close {
        HalfClose::Cancel => quote!(#krate::__private::HalfClose::Cancel),
        HalfClose::Answer => quote!(#krate::__private::HalfClose::Answer),
    }
}

fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}
