//! Properties of the states: `state_name`, `state_limits`, `half_close` and `recover`.

use super::{Machine, half_close};
use crate::{expand::span::at, parse::DurationArg};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use std::time::Duration;
use syn::ext::IdentExt;

impl Machine<'_> {
    pub(super) fn state_name(&self) -> TokenStream {
        let (krate, states) = (self.krate, &self.states.ident);
        let arms = self.state_handlers().into_iter().map(|(method, transition)| {
            let (cfgs, state) = (method.function.cfgs(), self.any((method, transition)));
            let name = method.function.sig.ident.unraw().to_string();
            quote!(#(#cfgs)* #state => #name,)
        });
        quote_spanned! {Span::mixed_site()=>
            fn state_name(state: &<Self as #krate::Service>::State) -> &'static str {
                match state {
                    #(#arms)*
                    #states::Closed => "closed",
                }
            }
        }
    }

    /// `None` if no state has a timeout.
    pub(super) fn state_limits(&self) -> Option<TokenStream> {
        let krate = self.krate;
        let (mut arms, mut all) = (TokenStream::new(), TokenStream::new());
        for (method, transition) in self.state_handlers() {
            let Some((idle, max_duration)) = transition.limits() else { continue };
            let (cfgs, state) = (method.function.cfgs().collect::<Vec<_>>(), self.any((method, transition)));
            let (idle, max_duration) = (limit(idle), limit(max_duration));
            arms.extend(
                quote!(#(#cfgs)* #state => #krate::StateLimits { idle: #idle, max_duration: #max_duration },),
            );
            all.extend(quote!(#(#cfgs)* #idle, #(#cfgs)* #max_duration,));
        }
        (!arms.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                const MIN_STATE_TIMEOUT: ::core::option::Option<::core::time::Duration> = #krate::__private::shortest(&[#all]);
                fn state_limits(state: &<Self as #krate::Service>::State) -> #krate::StateLimits {
                    match state {
                        #arms
                        _ => #krate::StateLimits::NONE,
                    }
                }
            }
        })
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
        let arms: Vec<_> = self
            .state_handlers()
            .into_iter()
            .filter(|(_, transition)| transition.data.is_empty())
            .map(|(method, _)| {
                let (cfgs, state) = (method.function.cfgs(), self.pattern(method, &[]).0);
                let name = method.function.sig.ident.unraw().to_string();
                quote!(#(#cfgs)* #name => ::core::option::Option::Some(#state),)
            })
            .collect();
        (!arms.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                fn recover(self: &::std::sync::Arc<Self>, name: &'static str) -> ::core::option::Option<<Self as #krate::Service>::State> {
                    match name {
                        #(#arms)*
                        _ => ::core::option::Option::None,
                    }
                }
            }
        })
    }
}

/// `Some(Duration)`, or `None`.
fn limit(limit: Option<&DurationArg>) -> TokenStream {
    match limit {
        None => quote!(::core::option::Option::None),
        Some(DurationArg::Literal(duration)) => {
            let duration = from_whole_units(*duration);
            quote!(::core::option::Option::Some(#duration))
        }
        Some(DurationArg::Expr(expr)) => quote_spanned!(at(expr)=> ::core::option::Option::Some(#expr)),
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
