//! `impl Service` of a machine.

use super::{Machine, half_close, named_response};
use crate::{
    expand::{connect, hooks, types},
    model::{Cause, Method, Move, Side},
    parse::HalfClose,
};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

impl<'a> Machine<'a> {
    pub(super) fn service_impl(&self) -> TokenStream {
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

    /// What most states have.
    pub(super) fn half_close(&self) -> HalfClose {
        let handlers = self.state_handlers();
        let cancels = handlers.iter().filter(|(_, step)| step.half_close() == HalfClose::Cancel).count();
        if cancels * 2 > handlers.len() { HalfClose::Cancel } else { HalfClose::Answer }
    }
}
