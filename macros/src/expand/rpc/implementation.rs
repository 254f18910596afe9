//! A service that implements a trait of calls: `#[service(rpc = images::Images)]`.
//!
//! The path of the trait is all that is known of it. `dyn images::Images` implements `CallTrait`,
//! whose associated type is the enum of the calls, and each method has a position there by its
//! name.
//!
//! The compiler compares the signatures: an impl of the trait, for an enum without values, repeats
//! those of the block. So a method that is missing, superfluous or differs is one error at the
//! user's signature. The dispatch compiles whatever the signatures are.

use super::{Block, Call, Expansion};
use crate::{
    expand::{signature, span::at},
    model::{Reply, type_name},
};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Path, ext::IdentExt};

/// The trait that a service implements.
pub(super) struct Implementation<'a> {
    path: &'a Path,
    krate: &'a Path,
}

/// The trait as a type. Everywhere in the same tokens, so that the compiler reports a path that is
/// no trait once.
pub(crate) fn object(path: &Path) -> TokenStream {
    quote_spanned!(at(path)=> dyn #path)
}

impl<'a> Implementation<'a> {
    pub(super) fn new(path: &'a Path, krate: &'a Path) -> Self {
        Implementation { path, krate }
    }

    /// `dyn images::Images`
    fn object(&self) -> TokenStream {
        object(self.path)
    }

    /// The enum of the calls.
    pub(super) fn call(&self) -> TokenStream {
        let (object, krate) = (self.object(), self.krate);
        quote_spanned!(at(self.path)=> <#object as #krate::rpc::private::CallTrait>::Call)
    }

    /// The enum of the replies.
    pub(super) fn reply(&self) -> TokenStream {
        let (call, krate) = (self.call(), self.krate);
        quote_spanned!(at(self.path)=> <#call as #krate::rpc::Protocol>::Reply)
    }

    /// `const POSITION_OF_count: usize = position::<dyn images::Images>("count");`
    pub(super) fn positions(&self, calls: &[Call<'_>]) -> TokenStream {
        let (krate, object) = (self.krate, self.object());
        let one = |call: &Call<'_>| {
            let (cfgs, position) = (call.cfgs(), position(call));
            let name = call.function().sig.ident.unraw().to_string();
            quote_spanned! {Span::mixed_site()=>
                #(#cfgs)*
                #[allow(non_upper_case_globals)]
                const #position: usize = #krate::rpc::private::position::<#object>(#name);
            }
        };
        calls.iter().filter(|call| !call.method.sink.has_errors()).map(one).collect()
    }

    /// The match over the position of the method.
    pub(super) fn matched(&self, arms: impl Iterator<Item = TokenStream>) -> TokenStream {
        let krate = self.krate;
        quote_spanned! {Span::mixed_site()=>
            match #krate::rpc::Protocol::method(&call) {
                #(#arms)*
                // A method that is missing is reported.
                _ => #krate::__private::never(),
            }
        }
    }

    /// `POSITION_OF_count => { let () = params(call); reply(Self::count(self).await) }`
    pub(super) fn arm(
        &self,
        one: &Call<'_>,
        locals: &[Ident],
        types: &[TokenStream],
        value: &TokenStream,
    ) -> TokenStream {
        let (krate, calls, cfgs, position) = (self.krate, self.call(), one.cfgs(), position(one));
        quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            #[allow(unreachable_patterns)]
            #position => {
                let (#(#locals,)*) =
                    #krate::rpc::private::params::<#position, #calls, (#(#types,)*)>(call);
                #krate::rpc::private::reply::<#position, #calls, _>(#value)
            }
        }
    }

    /// The function that makes a reply of an item.
    pub(super) fn item(&self, one: &Call<'_>, ty: &TokenStream) -> TokenStream {
        let (krate, calls, position) = (self.krate, self.call(), position(one));
        quote_spanned!(Span::mixed_site()=> #krate::rpc::private::item::<#position, #calls, #ty>)
    }
}

/// `POSITION_OF_count`
fn position(call: &Call<'_>) -> Ident {
    let name = call.function().sig.ident.unraw();
    Ident::new(&format!("POSITION_OF_{name}"), Span::mixed_site())
}

impl Block<'_> {
    /// The impl of the trait that compares the signatures. Nothing if another error explains a
    /// signature that is missing.
    pub(super) fn signatures(&self) -> Option<TokenStream> {
        let of_trait = self.implementation.as_ref()?;
        if self.service.sink.has_errors() || self.service.has_incomplete_fn() {
            return None;
        }
        let (attrs, path, site) = (&self.expansion.attrs, of_trait.path, at(of_trait.path));
        let name = format_ident!("{}Signatures", type_name(&self.service.head.self_ty), span = site);
        let methods = self.expansion.calls.iter().map(|call| compared(&self.expansion, call));
        Some(quote_spanned! {site=>
            #attrs
            const _: () = {
                #[allow(dead_code)]
                enum #name {}

                #[allow(unused_variables, clippy::all)]
                impl #path for #name { #(#methods)* }
            };
        })
    }
}

/// `fn count(&self) -> u64 { match *self {} }`, located at the user's signature.
fn compared(expansion: &Expansion<'_>, call: &Call<'_>) -> TokenStream {
    let function = call.function();
    let sender = call.rpc.sender.as_ref().map(|param| param.written.ty.to_token_stream());
    let types = sender.into_iter().chain(expansion.param_types(call));
    let params = types.map(|ty| quote_spanned!(at(&ty)=> , _: #ty)).collect();
    let output = match &call.rpc.reply {
        Reply::Value(None) => None,
        Reply::Value(Some(ty)) | Reply::Uninterrupted { ok: ty } => Some(expansion.sent(ty)),
        Reply::Result { whole, .. } => Some(expansion.sent(whole)),
    };
    let (cfgs, signature) = (call.cfgs(), super::signature(function, params, output.as_ref()));
    let place = function.receiver.written().map_or_else(|| at(&function.sig.ident), at);
    let mut body = Group::new(Delimiter::Brace, quote_spanned!(place=> match *self {}));
    body.set_span(signature::end(function));
    quote!(#(#cfgs)* #signature #body)
}
