//! The types of the service, and the conversion of generated locals to the user's parameters.
//!
//! If a parameter spells its type as the service does, it gets the local. Otherwise it may be
//! another name of the same type, or a mistake. A mismatch would be reported in a call that the
//! user has not written, so a trait of `private::agree` reports it at the user's type.

use super::{
    call::{argument, at_output},
    span::at,
    types,
};
use crate::model::{Function, Param, ReturnKind, Shape, StateEnum};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{GenericArgument, Path, PathArguments, Type};

/// The tokens of the service's types.
pub(super) struct ServiceTypes<'a> {
    pub(super) krate: &'a Path,
    pub(super) request: String,
    pub(super) response: String,
    /// `None` if there are no events.
    pub(super) event: Option<String>,
    /// `None` if nothing can fail.
    pub(super) error: Option<String>,
    /// Whether the error of `#[on(connect)]` becomes the reason of a `SessionError`.
    pub(super) refuses: bool,
    /// `None` if `cfg`s decide on it.
    pub(super) conn: Option<String>,
}

impl ServiceTypes<'_> {
    /// `<u32 as TakesRequest<<Self as Service>::Request>>::taken(request)`
    pub(super) fn request_arg(&self, param: &Param) -> TokenStream {
        let same = spelt(&param.written.ty) == self.request;
        self.owned("request", param, same, "TakesRequest", &self.of_service("Request", param))
    }

    /// The requests of a handler with `batch`, which are of the type `item`.
    pub(super) fn requests_arg(&self, param: &Param, item: &Type) -> TokenStream {
        let local = argument("requests", param);
        if spelt(item) == self.request {
            return local;
        }
        let (krate, given) = (self.krate, self.of_service("Request", param));
        quote_spanned!(at(item)=> <#item as #krate::__private::TakesRequest<#given>>::taken_together(#local))
    }

    /// The flow of a `#[before]` with this parameter, checked to continue with the service's
    /// request.
    pub(super) fn checked_flow(&self, flow: TokenStream, param: &Param) -> TokenStream {
        if spelt(&param.written.ty) == self.request {
            return flow;
        }
        let (krate, ty, given) = (self.krate, &param.written.ty, self.of_service("Request", param));
        quote_spanned!(at(ty)=> <#ty as #krate::__private::TakesRequest<#given>>::continued(#flow))
    }

    pub(super) fn event_arg(&self, param: &Param) -> TokenStream {
        let same = self.event.as_ref().is_some_and(|event| *event == spelt(&param.written.ty));
        self.owned("event", param, same, "TakesEvent", &self.of_service("Event", param))
    }

    /// The response for `#[after]`. `response` is a reference to it.
    pub(super) fn response_arg(&self, response: &TokenStream, param: &Param) -> TokenStream {
        let same = |ty: &Type| spelt(ty) == self.response;
        self.borrowed(response, param, same, "TakesResponse", "borrowed", &self.of_service("Response", param))
    }

    /// Whether the type is the service's response, under the same name.
    pub(super) fn is_response(&self, ty: &Type) -> bool {
        spelt(ty) == self.response
    }

    /// `<Vec<Reply> as IntoResponses<<Self as Service>::Response, _>>::into_responses(value)`
    pub(super) fn responses(&self, ty: &impl ToTokens, value: &TokenStream) -> TokenStream {
        let krate = self.krate;
        quote_spanned! {at(ty)=>
            <#ty as #krate::__private::IntoResponses<<Self as #krate::Service>::Response, _>>::into_responses(#value)
        }
    }

    /// Data of a state. It is in the local `name`, and its type is that in the `#[state]` handler,
    /// `given`.
    pub(super) fn data_arg(&self, name: &Ident, param: &Param, given: &Param) -> TokenStream {
        if spelt(&param.written.ty) == spelt(&given.written.ty) {
            return name.to_token_stream();
        }
        let krate = self.krate;
        let (ty, given) = (types::stored(&param.written.ty, krate), types::stored(&given.written.ty, krate));
        quote_spanned!(at(&param.written.ty)=> <#ty as #krate::__private::TakesData<#given>>::taken(#name))
    }

    /// The next state, checked to be the enum if the method spells it otherwise.
    pub(super) fn next_state(&self, next: &Ident, ty: &Type, states: &StateEnum) -> TokenStream {
        if states.is(ty) {
            return next.to_token_stream();
        }
        let krate = self.krate;
        quote_spanned! {at(ty)=>
            <#ty as #krate::__private::IsState<<Self as #krate::Service>::State>>::next_state(#next)
        }
    }

    pub(super) fn peer_arg(&self, param: &Param) -> TokenStream {
        let krate = self.krate;
        let (response, event) = (self.of_service("Response", param), self.of_service("Event", param));
        let given = quote_spanned!(at(&param.written.ty)=> #krate::Peer<#response, #event>);
        let same = |ty: &Type| match (arguments(ty, "Peer").as_deref(), &self.event) {
            (Some([response]), None) => *response == self.response,
            (Some([response, event]), Some(own)) => *response == self.response && event == own,
            _ => false,
        };
        self.borrowed(&argument("peer", param), param, same, "TakesPeer", "borrowed", &given)
    }

    /// The connection's value, by `&mut`.
    pub(super) fn conn_arg(&self, param: &Param) -> TokenStream {
        let given = self.of_service("Conn", param);
        let given = quote_spanned!(at(&param.written.ty)=> #given, _);
        let same = |ty: &Type| self.is_conn(ty);
        self.borrowed(&argument("conn", param), param, same, "BorrowsConn", "borrowed", &given)
    }

    /// The connection's value, by `&`.
    pub(super) fn shared_conn_arg(&self, param: &Param) -> TokenStream {
        let given = self.of_service("Conn", param);
        let same = |ty: &Type| self.is_conn(ty);
        self.borrowed(&argument("conn", param), param, same, "SharesConn", "borrowed", &given)
    }

    /// The connection's value for `#[on(disconnect)]`, by value.
    pub(super) fn last_conn_arg(&self, param: &Param) -> TokenStream {
        let same = self.is_conn(&param.written.ty);
        self.owned("conn", param, same, "TakesConn", &self.of_service("Conn", param))
    }

    pub(super) fn reason_arg(&self, param: &Param) -> TokenStream {
        let krate = self.krate;
        let given = quote_spanned!(at(&param.written.ty)=> #krate::Reason);
        self.owned("reason", param, param.is_named("Reason"), "TakesReason", &given)
    }

    pub(super) fn error_arg(&self, param: &Param) -> TokenStream {
        let krate = self.krate;
        let error = self.of_service("Error", param);
        let given = quote_spanned!(at(&param.written.ty)=> #krate::SessionError<#error>);
        let same = match (arguments(&param.written.ty, "SessionError").as_deref(), &self.error) {
            (Some([]), None) => true,
            (Some([error]), Some(own)) => error == own,
            _ => false,
        };
        self.owned("error", param, same, "TakesError", &given)
    }

    pub(super) fn cleanup_arg(&self, param: &Param) -> TokenStream {
        let local = argument("cleanup", param);
        let (Shape::Exclusive(reference), false) = (&param.shape, param.is_named("Cleanup")) else {
            return local;
        };
        let (krate, ty) = (self.krate, &reference.elem);
        quote_spanned!(at(&param.written.ty)=> <#ty as #krate::__private::BorrowsCleanup>::borrowed(#local))
    }

    /// `?` for a function that can fail, with a conversion if its error type has another name.
    pub(super) fn try_operator(&self, function: &Function, return_kind: &ReturnKind) -> Option<TokenStream> {
        let krate = self.krate;
        let error = types::err(return_kind, krate)?;
        if self.refuses {
            return Some(quote_spanned!(at_output(function)=> .map_err(#krate::rpc::private::refused)?));
        }
        if self.error.as_ref().is_some_and(|own| *own == error.to_string()) {
            return Some(quote_spanned!(at_output(function)=> ?));
        }
        let site = match return_kind {
            ReturnKind::Result { err, .. } => at(err),
            _ => at_output(function),
        };
        let own = quote_spanned!(site=> <Self as #krate::Service>::Error);
        Some(quote_spanned! {site=>
            .map_err(|error| <#error as #krate::__private::FailsWith<#own>>::into_error(error))?
        })
    }

    /// Whether `#[on(connect)]` makes this type.
    fn is_conn(&self, ty: &Type) -> bool {
        self.conn.as_ref().is_some_and(|conn| *conn == spelt(ty))
    }

    /// `<Self as Service>::Request`
    fn of_service(&self, name: &str, param: &Param) -> TokenStream {
        let (krate, site) = (self.krate, at(&param.written.ty));
        let name = Ident::new(name, site);
        quote_spanned!(site=> <Self as #krate::Service>::#name)
    }

    fn owned(&self, name: &str, param: &Param, same: bool, takes: &str, given: &TokenStream) -> TokenStream {
        let local = argument(name, param);
        if same {
            return local;
        }
        let (krate, site, ty) = (self.krate, at(&param.written.ty), &param.written.ty);
        let takes = Ident::new(takes, site);
        quote_spanned!(site=> <#ty as #krate::__private::#takes<#given>>::taken(#local))
    }

    fn borrowed(
        &self,
        local: &TokenStream,
        param: &Param,
        same: impl Fn(&Type) -> bool,
        takes: &str,
        how: &str,
        given: &TokenStream,
    ) -> TokenStream {
        let (Shape::Shared(reference) | Shape::Exclusive(reference)) = &param.shape else {
            return local.clone();
        };
        let (krate, site, ty) = (self.krate, at(&param.written.ty), &*reference.elem);
        // A reference is coerced to a trait object.
        if same(ty) || matches!(ty, Type::TraitObject(_)) {
            return local.clone();
        }
        let (takes, how) = (Ident::new(takes, site), Ident::new(how, site));
        quote_spanned!(site=> <#ty as #krate::__private::#takes<#given>>::#how(#local))
    }
}

fn spelt(ty: &Type) -> String {
    ty.to_token_stream().to_string()
}

/// `A` and `B` of `name<A, B>`.
fn arguments(ty: &Type, name: &str) -> Option<Vec<String>> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    match &last.arguments {
        PathArguments::None => Some(Vec::new()),
        PathArguments::AngleBracketed(brackets) => brackets
            .args
            .iter()
            .map(|argument| match argument {
                GenericArgument::Type(ty) => Some(spelt(ty)),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}
