//! The description in `impl Service`: the service as a constant, and its diagram in the docs.
//!
//! ```text
//! /// (the diagram)
//! impl Service for Thumbnails {
//!     const SERVICE_DESCRIPTION: Description<'static> = {
//!         const METHODS: &[Method<'static>] = &[
//!             Method::new(Role::OnRequest, "thumbnail", "One request in, one response out.").calls(&["shrink"]),
//!             Method::new(Role::RunsOnPool, "shrink", "").pool("self.cpu").deadline("2s").calls(&["count"]),
//!         ];
//!         Description::new("Thumbnails", "", METHODS)
//!     };
//! }
//! ```
//!
//! A method under a `cfg` is in the constant under that `cfg`. The diagram can't depend on it, and
//! shows the first method of each name.

use crate::model::{MethodDescription, Service, summary, type_name};
use portcullis_describe::{Chart, Crossing, Description, Kind, Method};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Path;

/// The constant of `impl Service`, and the diagram for the docs of the impl.
pub(super) fn of(service: &Service, krate: &Path) -> (TokenStream, Option<TokenStream>) {
    let methods = service.described();
    (constant(service, &methods, krate), docs(service, &methods))
}

fn constant(service: &Service, methods: &[MethodDescription<'_>], krate: &Path) -> TokenStream {
    let (name, doc) = (type_name(&service.head.self_ty), summary(&service.head.attrs));
    let methods = methods.iter().map(|described| method(described, service, krate));
    quote_spanned! {Span::mixed_site()=>
        const SERVICE_DESCRIPTION: #krate::describe::Description<'static> = {
            use #krate::describe::{Description, Method, Role};
            const METHODS: &[Method<'static>] = &[#(#methods,)*];
            Description::new(#name, #doc, METHODS)
        };
    }
}

/// The constructor of a method, with calls for what is not default.
fn method(described: &MethodDescription<'_>, service: &Service, krate: &Path) -> TokenStream {
    let MethodDescription { method, role, name, doc, .. } = described;
    let cfgs = method.function.cfgs();
    let role = format_ident!("{role:?}");
    let flag = |name: &str, set: bool| {
        let name = Ident::new(name, Span::mixed_site());
        set.then(|| quote!(.#name()))
    };
    let text = |name: &str, value: &Option<String>| {
        let name = Ident::new(name, Span::mixed_site());
        value.as_ref().map(|value| quote!(.#name(#value)))
    };
    let list = |name: &str, list: &[String]| {
        let name = Ident::new(name, Span::mixed_site());
        (!list.is_empty()).then(|| quote!(.#name(&[#(#list),*])))
    };
    let said = [
        list("states", &described.states),
        flag("start", described.start),
        flag("events_only", described.events_only),
        text("batch", &described.batch),
        text("idle", &described.idle),
        text("max_duration", &described.max_duration),
        list("data", &described.data),
        text("responses", &described.responses),
        list("next", &described.next),
        flag("dynamic", described.dynamic),
        text("pool", &described.pool),
        text("deadline", &described.deadline),
        text("start_deadline", &described.start_deadline),
        text("lane", &described.lane),
        call(described, service, krate),
        list("calls", &described.calls),
    ];
    let said = said.into_iter().flatten();
    quote!(#(#cfgs)* Method::new(Role::#role, #name, #doc) #(#said)*)
}

/// `.call("images/count", 7, &["width: u32"])`; if the service implements a trait, with the name
/// and the number of the trait's method.
fn call(described: &MethodDescription<'_>, service: &Service, krate: &Path) -> Option<TokenStream> {
    let (rpc, params) = (described.method.rpc.as_ref()?, &described.params);
    let call = Ident::new("call", Span::mixed_site());
    let (name, number) = match &service.rpc_trait {
        Some(of_trait) => {
            let (object, name) = (super::rpc::object(&of_trait.value), &described.name);
            let method = quote_spanned! {Span::mixed_site()=>
                #krate::rpc::private::method::<#object>(#name)
            };
            (quote!(#method.name), quote!(#method.number))
        }
        None => {
            let (name, number) = (&rpc.name, Literal::u32_unsuffixed(rpc.number));
            (quote!(#name), quote!(#number))
        }
    };
    Some(quote!(.#call(#name, #number, &[#(#params),*])))
}

/// The diagrams for the docs: of the states, and of the threads if there are calls between them.
fn docs(service: &Service, methods: &[MethodDescription<'_>]) -> Option<TokenStream> {
    let lists: Vec<[Vec<&str>; 4]> = methods
        .iter()
        .map(|one| {
            [&one.states, &one.data, &one.next, &one.calls]
                .map(|list| list.iter().map(|name| &**name).collect())
        })
        .collect();
    let mut drawn: Vec<Method<'_>> = Vec::new();
    for (one, [states, data, next, calls]) in methods.iter().zip(&lists) {
        if drawn.iter().any(|drawn| drawn.name == one.name) {
            continue;
        }
        let mut method =
            Method::new(one.role, &one.name, &one.doc).states(states).data(data).next(next).calls(calls);
        (method.start, method.dynamic) = (one.start, one.dynamic);
        (method.events_only, method.batch) = (one.events_only, one.batch.as_deref());
        method.responses = one.responses.as_deref();
        (method.idle, method.max_duration) = (one.idle.as_deref(), one.max_duration.as_deref());
        (method.pool, method.deadline, method.lane) =
            (one.pool.as_deref(), one.deadline.as_deref(), one.lane.as_deref());
        method.start_deadline = one.start_deadline.as_deref();
        drawn.push(method);
    }
    let name = type_name(&service.head.self_ty);
    let description = Description::new(&name, "", &drawn);
    let states = (description.kind() == Kind::PerState).then_some(Chart::States);
    let crosses = description.calls().iter().any(|call| call.crossing != Crossing::SameThread);
    let threads = crosses.then_some(Chart::Threads);
    let pictures: Vec<String> = [states, threads]
        .into_iter()
        .flatten()
        .map(|chart| format!("```mermaid\n{}```", description.mermaid(chart)))
        .collect();
    let docs = pictures.join("\n\n");
    (!docs.is_empty()).then(|| quote!(#[doc = #docs]))
}
