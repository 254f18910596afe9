//! State machines: the enum of the states (`states`, `generics`) and their `impl Service`
//! (`service`), with the functions that call handlers (`transitions`) and those about states
//! (`properties`).

mod generics;
mod properties;
mod service;
mod states;
mod transitions;

use super::{attrs, span::at};
use crate::{
    model::{Method, Param, Service, StateEnum, TransitionHandler, variant},
    parse::HalfClose,
    tokens::mentions,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Path, Type, WherePredicate};

/// A block with states, and their enum.
pub(super) struct Machine<'a> {
    service: &'a Service,
    states: &'a StateEnum,
    krate: &'a Path,
}

/// The enum and the impls; nothing if the block has no states.
pub(super) fn items(service: &Service, krate: &Path) -> TokenStream {
    let Some(states) = &service.states else { return TokenStream::new() };
    let machine = Machine { service, states, krate };
    let (states, next) = (machine.state_enum(), machine.next_impl());
    let service = machine.service_impl();
    quote!(#states #next #service)
}

impl<'a> Machine<'a> {
    /// Each state once. Of two methods that make the same variant, which is reported, the first.
    fn state_handlers(&self) -> Vec<(&'a Method, &'a TransitionHandler)> {
        let mut known: Vec<Ident> = vec![format_ident!("Closed")];
        let is_new = |(method, _): &(&Method, &TransitionHandler)| {
            let name = variant(&method.function.sig.ident);
            let is_new = !known.contains(&name) || method.is_conditional();
            known.push(name);
            is_new
        };
        self.service.state_handlers().filter(is_new).collect()
    }

    /// The pattern `ChatState::Room(seat)`, and the names of the data in it.
    fn pattern(&self, method: &Method, data: &[Param]) -> (TokenStream, Vec<Ident>) {
        let (states, name) = (&self.states.ident, variant(&method.function.sig.ident));
        let names: Vec<_> = (0..data.len()).filter_map(|index| data_name(index, data)).collect();
        let data = (!names.is_empty()).then(|| quote!((#(#names),*)));
        (quote!(#states::#name #data), names)
    }

    /// `ChatState::Room(..)`
    fn any(&self, (method, transition): (&Method, &TransitionHandler)) -> TokenStream {
        let (states, name) = (&self.states.ident, variant(&method.function.sig.ident));
        let data = (!transition.data.is_empty()).then(|| quote!((..)));
        quote!(#states::#name #data)
    }

    /// The attributes of all items.
    fn attrs(&self) -> TokenStream {
        attrs::of_block(self.service)
    }

    fn implement(&self, docs: Option<&TokenStream>, items: &TokenStream) -> TokenStream {
        let (krate, head) = (self.krate, &self.service.head);
        let mut own = head.generics.clone();
        own.make_where_clause().predicates.extend(self.data_is_send());
        let (generics, _, where_clause) = own.split_for_impl();
        let (attrs, ty) = (self.attrs(), &head.self_ty);
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #docs
            #[automatically_derived]
            impl #generics #krate::Service for #ty #where_clause { #items }
        }
    }
}

impl Machine<'_> {
    /// `Option<S>: Send` for data with type parameters. The code that serves the type must satisfy
    /// it.
    fn data_is_send(&self) -> impl Iterator<Item = WherePredicate> + '_ {
        let generics = &self.service.head.generics;
        let is_generic = |ty: &Type| {
            let tokens = ty.to_token_stream();
            generics.type_params().any(|param| mentions(tokens.clone(), &param.ident))
        };
        self.state_handlers()
            .into_iter()
            .filter(|(method, _)| !method.is_conditional() && !method.sink.has_errors())
            .flat_map(|(_, transition)| &transition.data)
            .map(|param| &*param.written.ty)
            .filter(move |ty| is_generic(ty))
            .filter_map(|ty| syn::parse2(quote_spanned!(at(ty)=> #ty: ::core::marker::Send)).ok())
    }
}

/// The name of the parameter, unless it is a name of the expansion, or two parameters differ only
/// in hygiene.
fn data_name(index: usize, data: &[Param]) -> Option<Ident> {
    const OURS: [&str; 5] = ["peer", "conn", "request", "event", "state"];
    let param = data.get(index)?;
    let site = at(&param.written.ty);
    let is_only = |name: &Ident| data.iter().filter(|other| other.name() == Some(name)).count() == 1;
    Some(match param.name() {
        Some(name) if OURS.iter().all(|ours| name != ours) && is_only(name) => {
            let mut name = name.clone();
            name.set_span(site);
            name
        }
        _ => Ident::new(&format!("data{index}"), site),
    })
}

fn half_close(half_close: HalfClose, krate: &Path) -> TokenStream {
    match half_close {
        HalfClose::Cancel => quote!(#krate::__private::HalfClose::Cancel),
        HalfClose::Answer => quote!(#krate::__private::HalfClose::Answer),
    }
}
