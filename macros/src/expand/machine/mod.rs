//! State machines: the enum of the states, `impl Service`, and `impl Steps` that leads from state to state.

mod known;
mod service;
mod states;
mod steps;

pub(crate) use service::no_first_data;

use super::{at, attrs, conditions};
use crate::{
    model::{Gives, Method, Move, Param, Service, Side, StateEnum, variant},
    parse::HalfClose,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Path, Type};

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
            let is_new = !known.contains(&name) || method.is_conditional();
            known.push(name);
            is_new
        };
        self.service.state_handlers().filter(is_new).collect()
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

    /// The attributes of all items.
    fn attrs(&self) -> TokenStream {
        attrs::of_block(self.service)
    }

    fn implement(&self, of: &TokenStream, items: &TokenStream) -> TokenStream {
        let head = &self.service.head;
        let (generics, _, where_clause) = head.generics.split_for_impl();
        let (attrs, ty) = (self.attrs(), &head.self_ty);
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #[automatically_derived]
            impl #generics #of for #ty #where_clause { #items }
        }
    }
}

/// The response that a method of a machine names, if one does.
pub(crate) fn named_response(service: &Service) -> Option<&Type> {
    let of_moves = conditions::in_any_case(service.moves()).find_map(|(_, step)| match &step.gives {
        Gives::Both { response, .. } => Some(&**response),
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

fn half_close(half_close: HalfClose, krate: &Path) -> TokenStream {
    match half_close {
        HalfClose::Cancel => quote!(#krate::__private::HalfClose::Cancel),
        HalfClose::Answer => quote!(#krate::__private::HalfClose::Answer),
    }
}
