//! The trait of calls itself: the signatures, and what a service reaches through them.
//!
//! ```text
//! pub trait Images { fn count(&self) -> u64; }
//! impl CallTrait for dyn Images { type Call = ImagesCall; .. }
//! impl CallOf<0> for ImagesCall { type Params = (); type Output = u64; .. }
//! pub trait ImagesApi { fn count(&self) -> impl Future<Output = Result<u64, CallError>> + Send; }
//! impl ImagesApi for ImagesClient { .. }
//! ```
//!
//! Nothing implements `Images` but the check of a service's signatures, so its methods are not
//! called, and need not be `async`.

use super::{Call, Expansion, signature};
use crate::{
    expand::{misplaced, recovery, signature},
    model::CallTrait,
};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, ext::IdentExt};

/// The trait with its signatures only, for a facade without the feature.
pub(super) fn signatures_only(written: &CallTrait) -> TokenStream {
    let mut head = written.head.clone();
    head.items.clear();
    head.to_token_stream()
}

impl Expansion<'_> {
    pub(super) fn call_trait(&self, written: &CallTrait) -> TokenStream {
        let (signatures, api) = (self.signatures(written), self.api());
        let (object, methods) = (self.object(), self.calls.iter().map(|call| self.call_of(call)));
        quote!(#signatures #object #(#methods)* #api)
    }

    /// The trait as it is written, without `async`.
    fn signatures(&self, written: &CallTrait) -> TokenStream {
        let (head, types) = (&written.head, self.types);
        let (attrs, vis, trait_token, ident) = (&head.attrs, &head.vis, &head.trait_token, &head.ident);
        let docs = [
            String::new(),
            format!(
                " The methods are calls. [`{}`] makes them, and a service with `#[service(rpc = {ident})]`",
                types.client
            ),
            format!(
                " handles them. Code that makes them takes an `impl` [`{}`], so that a test can pass a",
                types.api
            ),
            " mock. This trait is only for the signatures: its methods are not called.".to_owned(),
        ];
        let has_docs = attrs.iter().any(|attr| attr.path().is_ident("doc"));
        let summary = (!has_docs).then(|| format!(" The calls of `{ident}`."));
        let docs = summary.into_iter().chain(docs);
        let methods = self.calls.iter().map(|call| {
            let (function, attrs) = (call.function(), call.kept_attrs(&["deprecated"]));
            let sender = call.rpc.sender.as_ref().map(|param| {
                let (pat, ty) = (&param.written.pat, &param.written.ty);
                quote!(, #pat: #ty)
            });
            let fields = call.fields();
            let params = fields.iter().zip(self.param_types(call)).map(|(name, ty)| quote!(, #name: #ty));
            let params = sender.into_iter().chain(params).collect();
            let output = function.output().map(|ty| self.sent(ty));
            let head = signature(function, params, output.as_ref());
            let end = quote_spanned!(signature::end(function)=> ;);
            quote!(#attrs #head #end)
        });
        // The compiler reads up to the first syntax error, so they come last.
        let unparsed = written.unparsed.iter().map(|tokens| {
            let tokens = misplaced::strip_attrs(tokens.clone());
            recovery::unparsed(&tokens, self.krate)
        });
        quote! {
            #(#attrs)*
            #(#[doc = #docs])*
            #[allow(dead_code, clippy::too_many_arguments, clippy::wrong_self_convention)]
            #vis #trait_token #ident {
                #(#methods)*
                #(#unparsed)*
            }
        }
    }

    /// `impl CallTrait for dyn Images`
    fn object(&self) -> TokenStream {
        let (attrs, krate, call, name) = (&self.attrs, self.krate, &self.types.call, self.ident());
        let names = self.calls.iter().map(|call| {
            let (cfgs, name) = (call.cfgs(), call.function().sig.ident.unraw().to_string());
            quote_spanned!(Span::mixed_site()=> #(#cfgs)* #name)
        });
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #[automatically_derived]
            impl #krate::rpc::private::CallTrait for dyn #name {
                type Call = #call;
                const NAMES: &'static [&'static str] = &[#(#names,)*];
            }
        }
    }

    fn ident(&self) -> TokenStream {
        self.name.parse().unwrap_or_default()
    }

    /// `impl CallOf<0> for ImagesCall`
    fn call_of(&self, call: &Call<'_>) -> TokenStream {
        let (attrs, krate, cfgs) = (&self.attrs, self.krate, call.cfgs());
        let (calls, reply, variant) = (&self.types.call, &self.types.reply, &call.variant);
        let (position, types) = (call.position.value(), self.param_types(call));
        let (locals, bindings) = (call.locals(), call.bindings());
        let output = self.reply_type(call);
        let (item, wrap) = match call.item() {
            Some((item, ty)) => (self.sent(ty), quote_spanned!(Span::mixed_site()=> #reply::#item(item))),
            None => (
                quote_spanned!(Span::mixed_site()=> ::core::convert::Infallible),
                quote_spanned!(Span::mixed_site()=> match item {}),
            ),
        };
        let others = (self.calls.len() > 1)
            .then(|| quote_spanned!(Span::mixed_site()=> #[allow(unreachable_patterns)] _ => ::core::option::Option::None,));
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #(#cfgs)*
            #[automatically_derived]
            impl #krate::rpc::private::CallOf<{ #position }> for #calls {
                type Params = (#(#types,)*);
                type Output = #output;
                type Item = #item;
                fn params(self) -> ::core::option::Option<(#(#types,)*)> {
                    match self {
                        Self::#variant { #bindings } => ::core::option::Option::Some((#(#locals,)*)),
                        #others
                    }
                }
                fn reply(output: #output) -> #reply {
                    #reply::#variant(output)
                }
                fn item(item: #item) -> #reply {
                    #wrap
                }
            }
        }
    }

    /// `ImagesApi`, and its impl for `ImagesClient`.
    fn api(&self) -> TokenStream {
        let (attrs, vis, api, client) = (&self.attrs, self.vis(), &self.types.api, &self.types.client);
        let doc = format!(
            " Makes the calls of `{}`: [`{client}`] implements it, and so can a mock in a test.",
            self.name
        );
        let methods: Vec<_> = self.calls.iter().map(|call| (call, self.api_method(call))).collect();
        let declared = methods.iter().map(|(call, head)| {
            let attrs = call.kept_attrs(&["deprecated"]);
            quote!(#attrs #head;)
        });
        let forwarded = methods.iter().map(|(call, head)| {
            let cfgs: Vec<&Attribute> = call.cfgs().collect();
            let (name, fields) = (&call.function().sig.ident, call.fields());
            quote_spanned!(Span::mixed_site()=> #(#cfgs)* #head { #client::#name(self #(, #fields)*) })
        });
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #[doc = #doc]
            #[allow(dead_code, clippy::too_many_arguments, clippy::wrong_self_convention)]
            #vis trait #api: ::core::marker::Send + ::core::marker::Sync {
                #(#declared)*
            }

            #attrs
            #[automatically_derived]
            #[allow(deprecated)]
            impl #api for #client {
                #(#forwarded)*
            }
        }
    }

    /// `fn count(&self) -> impl Future<Output = Result<u64, CallError>> + Send`
    fn api_method(&self, call: &Call<'_>) -> TokenStream {
        let (krate, name) = (self.krate, &call.function().sig.ident);
        let (fields, types) = (call.fields(), self.param_types(call));
        let (ok, err) = self.value_types(call);
        let err = err.map(|err| quote_spanned!(Span::mixed_site()=> <#err>));
        let error = quote_spanned!(Span::mixed_site()=> #krate::rpc::CallError #err);
        let returned = match call.item() {
            Some((_, ty)) => {
                let ty = self.sent(ty);
                quote_spanned! {Span::mixed_site()=>
                    #krate::rpc::private::Stream<Item = ::core::result::Result<#ty, #error>>
                }
            }
            None => quote_spanned! {Span::mixed_site()=>
                ::core::future::Future<Output = ::core::result::Result<#ok, #error>>
            },
        };
        quote_spanned! {Span::mixed_site()=>
            fn #name(&self #(, #fields: #types)*) -> impl #returned + ::core::marker::Send
        }
    }
}
