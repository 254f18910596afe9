//! Properties of the states: `state_index`, `state_name`, `state_limits`, `event_restarts_idle`,
//! `takes_requests`, `half_close` and `recover`.

use super::{Machine, half_close};
use crate::{
    expand::{
        blocking::option_exprs::reading_references,
        span::{at, relocate},
    },
    model::{Method, Param, TransitionHandler, variant},
    parse::DurationArg,
    tokens::{find_ident, mentions},
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use std::time::Duration;
use syn::{Expr, Path, ext::IdentExt};

impl Machine<'_> {
    /// `state_index`, and `state_name`, which is its inverse. A state that is configured out leaves
    /// its index unused.
    pub(super) fn state_names(&self) -> TokenStream {
        let (krate, states) = (self.krate, &self.states.ident);
        let (mut indices, mut names, mut closed) = (TokenStream::new(), TokenStream::new(), 0);
        for (index, (method, transition)) in (0_u16..).zip(self.state_handlers()) {
            let (cfgs, state) = (method.function.cfgs().collect::<Vec<_>>(), self.any((method, transition)));
            let name = method.function.sig.ident.unraw().to_string();
            indices.extend(quote!(#(#cfgs)* #state => #index,));
            names.extend(quote!(#(#cfgs)* #index => #name,));
            closed = index + 1;
        }
        quote_spanned! {Span::mixed_site()=>
            fn state_index(state: &<Self as #krate::Service>::State) -> u16 {
                match state {
                    #indices
                    #states::Closed => #closed,
                }
            }
            fn state_name(index: u16) -> &'static str {
                match index {
                    #names
                    _ => "closed",
                }
            }
        }
    }

    /// `None` if no state has a timeout.
    pub(super) fn state_limits(&self) -> Option<TokenStream> {
        let krate = self.krate;
        let (mut arms, mut all) = (TokenStream::new(), TokenStream::new());
        let (mut self_, mut allow) = (None, None);
        for (method, transition) in self.state_handlers() {
            let Some((idle, max_duration)) = transition.limits() else { continue };
            let cfgs = method.function.cfgs().collect::<Vec<_>>();
            let limits = [idle, max_duration].map(|limit| Limit::new(limit, &transition.data));
            let exprs: TokenStream =
                limits.iter().filter_map(Limit::at_run_time).map(ToTokens::to_token_stream).collect();
            // A name of the data may also be that of a field.
            allow = allow.or_else(|| (!exprs.is_empty()).then(|| quote!(#[allow(unused_variables)])));
            self_ = self_.or_else(|| find_ident(exprs.clone(), "self"));
            let state = self.borrowed_data((method, transition), &exprs);
            let [idle, max_duration] = limits.each_ref().map(|limit| limit.value(&transition.data, krate));
            arms.extend(
                quote!(#(#cfgs)* #state => #krate::StateLimits { idle: #idle, max_duration: #max_duration },),
            );
            let known = limits.iter().filter(|limit| limit.at_run_time().is_none());
            let known = known.map(|limit| limit.value(&transition.data, krate));
            all.extend(known.map(|limit| quote!(#(#cfgs)* #limit,)));
        }
        let self_ = self_.unwrap_or_else(|| Ident::new("self", Span::mixed_site()));
        (!arms.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                const MIN_STATE_TIMEOUT: ::core::option::Option<::core::time::Duration> = #krate::__private::shortest(&[#all]);
                #allow
                fn state_limits(#self_: &::std::sync::Arc<Self>, state: &<Self as #krate::Service>::State) -> #krate::StateLimits {
                    match state {
                        #arms
                        _ => #krate::StateLimits::NONE,
                    }
                }
            }
        })
    }

    /// In a state that takes only events, `idle` counts from event to event. `None` if no event
    /// restarts the limit of a state.
    pub(super) fn event_restarts_idle(&self) -> Option<TokenStream> {
        let restarts = |transition: &TransitionHandler| {
            let of_events = transition.events_only().is_some();
            transition.events_restart_idle().is_some()
                || of_events && matches!(transition.limits(), Some((Some(_), _)))
        };
        self.predicate("event_restarts_idle", restarts, false)
    }

    /// `None` if all states take requests.
    pub(super) fn takes_requests(&self) -> Option<TokenStream> {
        self.predicate("takes_requests", |transition| transition.events_only().is_some(), true)
    }

    /// A function that returns `!otherwise` for these states; `None` if there are none.
    fn predicate(
        &self,
        name: &str,
        holds: impl Fn(&TransitionHandler) -> bool,
        otherwise: bool,
    ) -> Option<TokenStream> {
        let krate = self.krate;
        let (name, value) = (Ident::new(name, Span::mixed_site()), !otherwise);
        let arms: Vec<_> = self
            .state_handlers()
            .into_iter()
            .filter(|(_, transition)| holds(transition))
            .map(|(method, transition)| {
                let (cfgs, state) = (method.function.cfgs(), self.any((method, transition)));
                quote!(#(#cfgs)* #state => #value,)
            })
            .collect();
        (!arms.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                fn #name(state: &<Self as #krate::Service>::State) -> bool {
                    match state {
                        #(#arms)*
                        _ => #otherwise,
                    }
                }
            }
        })
    }

    /// `ChatState::Room(user, _)`: the state, with the data that the expressions mention.
    fn borrowed_data(
        &self,
        (method, transition): (&Method, &TransitionHandler),
        exprs: &TokenStream,
    ) -> TokenStream {
        let (states, name) = (&self.states.ident, variant(&method.function.sig.ident));
        let names = || {
            transition.data.iter().map(|param| param.ident().filter(|name| mentions(exprs.clone(), *name)))
        };
        if names().all(|name| name.is_none()) {
            return self.any((method, transition));
        }
        let names = names().map(|name| name.map_or_else(|| quote!(_), ToTokens::to_token_stream));
        quote!(#states::#name(#(#names),*))
    }

    /// `None` if all states have the same.
    pub(super) fn half_closes(&self) -> Option<TokenStream> {
        let krate = self.krate;
        let usual = self.half_close();
        let arms: Vec<_> = self
            .state_handlers()
            .into_iter()
            .filter(|(_, transition)| transition.half_close() != usual)
            .map(|(method, transition)| {
                let (cfgs, state) = (method.function.cfgs(), self.any((method, transition)));
                let half_close = half_close(transition.half_close(), krate);
                quote!(#(#cfgs)* #state => #half_close,)
            })
            .collect();
        (!arms.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                fn half_close(state: &<Self as #krate::Service>::State) -> #krate::__private::HalfClose {
                    match state {
                        #(#arms)*
                        _ => <Self as #krate::Service>::HALF_CLOSE,
                    }
                }
            }
        })
    }

    /// `fn recover`: a session can go on in a state without data. `None` if there is none.
    pub(super) fn recover(&self) -> Option<TokenStream> {
        let krate = self.krate;
        let arms: Vec<_> = (0_u16..)
            .zip(self.state_handlers())
            .filter(|(_, (_, transition))| transition.data.is_empty())
            .map(|(index, (method, _))| {
                let (cfgs, state) = (method.function.cfgs(), self.pattern(method, &[]).0);
                quote!(#(#cfgs)* #index => ::core::option::Option::Some(#state),)
            })
            .collect();
        (!arms.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                fn recover(self: &::std::sync::Arc<Self>, index: u16) -> ::core::option::Option<<Self as #krate::Service>::State> {
                    match index {
                        #(#arms)*
                        _ => ::core::option::Option::None,
                    }
                }
            }
        })
    }
}

/// A time limit of a state.
enum Limit<'a> {
    None,
    /// The compiler knows it.
    Known(TokenStream),
    /// It depends on the data of the state, on the service, or on a function.
    AtRunTime(&'a Expr),
}

impl<'a> Limit<'a> {
    fn new(written: Option<&'a DurationArg>, data: &[Param]) -> Self {
        match written {
            None => Limit::None,
            Some(DurationArg::Literal(duration)) => Limit::Known(from_whole_units(*duration)),
            Some(DurationArg::Expr(expr)) if is_constant(expr, data) => Limit::Known(quote!(#expr)),
            Some(DurationArg::Expr(expr)) => Limit::AtRunTime(expr),
        }
    }

    fn at_run_time(&self) -> Option<&'a Expr> {
        match self {
            Limit::AtRunTime(expr) => Some(expr),
            Limit::None | Limit::Known(_) => None,
        }
    }

    /// An `Option<Duration>`.
    fn value(&self, data: &[Param], krate: &Path) -> TokenStream {
        match self {
            Limit::None => quote!(::core::option::Option::None),
            Limit::Known(value) => quote_spanned!(at(value)=> ::core::option::Option::Some(#value)),
            Limit::AtRunTime(expr) => {
                let (site, value) = (at(expr), reading_references(expr, data, krate));
                // A value of another type is reported at these tokens.
                let (limit, krate) = (Ident::new("limit", site), relocate(krate, site));
                quote_spanned!(site=> { let #limit = #value; #krate::__private::IntoTimeLimit::into_time_limit(#limit) })
            }
        }
    }
}

/// Whether the expression is certainly a constant: `LIMIT`, `Duration::from_secs(LIMIT)`. Others
/// are evaluated at run time.
fn is_constant(expr: &Expr, data: &[Param]) -> bool {
    match expr {
        Expr::Lit(_) => true,
        Expr::Path(path) => {
            let last = path.path.segments.last().map(|last| last.ident.to_string());
            let is_data = data.iter().any(|param| param.ident().is_some_and(|name| path.path.is_ident(name)));
            !is_data && last.is_some_and(|last| !last.contains(char::is_lowercase))
        }
        Expr::Call(call) => {
            let is_duration = match &*call.func {
                Expr::Path(path) => path.path.segments.iter().any(|segment| segment.ident == "Duration"),
                _ => false,
            };
            is_duration && call.args.iter().all(|arg| is_constant(arg, data))
        }
        Expr::Paren(paren) => is_constant(&paren.expr, data),
        Expr::Group(group) => is_constant(&group.expr, data),
        _ => false,
    }
}

/// `Duration::from_secs(2)`
fn from_whole_units(duration: Duration) -> TokenStream {
    if duration.subsec_millis() == 0 {
        let seconds = duration.as_secs();
        return quote!(::core::time::Duration::from_secs(#seconds));
    }
    // Durations are whole milliseconds, and the parser limits their number to a `u64`.
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    quote!(::core::time::Duration::from_millis(#millis))
}
