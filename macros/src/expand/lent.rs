//! A plain `fn` that calls what wants the service's `Arc`: the compiler would say that there is no such method.
//!
//! ```text
//! fn kick(&self) {
//!     trait NeedsTheArc { fn store(&mut self, key: u64) -> Offload<u64> where Self: KnowsItsArc { .. } }
//!     const _: () = { impl<T> NeedsTheArc for T where T: OnlyTheService<{ <Dereferences<Store>>::IS }> {} };
//!     self.store(1)
//! }
//! ```
//!
//! `&mut self` is the last that a method call is tried with: whatever else goes by the name goes first, and this is of no
//! consequence. Only what is behind a `Deref` would come later, so that a service which is one is left alone.

use super::{at, types, warnings};
use crate::model::{Function, Item, Method, Receiver, Role, Service, called_on_self};
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::Path;

/// The function with what tells its mistake, if it may be one.
pub(super) fn told(method: &Method, service: &Service, krate: &Path) -> Option<Function> {
    let function = &method.function;
    let plain =
        matches!(method.role, Role::Plain) && function.sig.asyncness.is_none() && function.half.is_none();
    let concrete = service.head.generics.params.is_empty();
    if !(plain && concrete && matches!(function.receiver, Receiver::Shared(_)) && method.sink.is_clean()) {
        return None;
    }
    let called = called_on_self(function.body.stream());
    let methods: TokenStream = service
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Method(method) if called.contains(&method.function.sig.ident) => stand_in(method, krate),
            _ => None,
        })
        .collect();
    if methods.is_empty() {
        return None;
    }
    let ty = &service.head.self_ty;
    let tokens = quote_spanned! {Span::mixed_site()=>
        trait NeedsTheArc { #methods }
        const _: () = {
            use #krate::__private::{Dereferences, Otherwise as _};
            trait OnlyTheService<const DEREFERENCES: bool> {}
            impl OnlyTheService<false> for #ty {}
            impl<T> NeedsTheArc for T where T: OnlyTheService<{ <Dereferences<#ty>>::IS }> {}
        };
    };
    let mut function = function.clone();
    function.body = warnings::ahead(&tokens, &function.body);
    Some(function)
}

/// `fn store(&mut self, key: u64) -> Offload<u64> where Self: KnowsItsArc { loop {} }`
fn stand_in(method: &Method, krate: &Path) -> Option<TokenStream> {
    let function = &method.function;
    let shared = matches!(function.receiver, Receiver::Shared(_) | Receiver::Arc(_));
    if !shared
        || method.is_conditional()
        || !method.sink.is_clean()
        || !function.sig.generics.params.is_empty()
    {
        return None;
    }
    let (args, output) = match &method.role {
        Role::Helper => {
            let result = types::whole(function.output(), krate);
            let future = quote!(dyn ::core::future::Future<Output = #result> + ::core::marker::Send);
            (&function.params, quote!(::core::pin::Pin<::std::boxed::Box<#future>>))
        }
        Role::Blocking(blocking) => {
            let ok = types::ok(&blocking.outcome, krate);
            let err = types::err(&blocking.outcome, krate).map(|err| quote!(, #err));
            (&blocking.args, quote!(#krate::Offload<#ok #err>))
        }
        _ => return None,
    };
    let args: Vec<_> = args.iter().map(|arg| &arg.written.ty).map(|ty| quote!(_: #ty)).collect();
    // What `Self` has, this one may lack.
    if mentions_self(quote!(#(#args)* #output)) {
        return None;
    }
    let name = &function.sig.ident;
    let krate = warnings::spread(krate, at(name));
    Some(quote_spanned! {at(name)=>
        fn #name(&mut self #(, #args)*) -> #output where Self: #krate::__private::KnowsItsArc { loop {} }
    })
}

fn mentions_self(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == "Self",
        TokenTree::Group(group) => mentions_self(group.stream()),
        _ => false,
    })
}
