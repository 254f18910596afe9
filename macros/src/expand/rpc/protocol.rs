//! The enums of the calls and their replies, and `impl Protocol`, which reads and writes them.
//!
//! The user's crate needs no serde for that: the enums are written by hand, as it were, and only
//! the types in the signatures implement serde's traits.

use super::{Call, Expansion};
use crate::{expand::span::at, model::Reply};
use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

impl Expansion<'_> {
    pub(super) fn protocol(&self) -> TokenStream {
        let (call, reply, peer) = (self.call_enum(), self.reply_enum(), self.peer_type());
        let (protocol, checks) = (self.protocol_impl(), self.checks());
        quote!(#call #reply #peer #protocol #checks)
    }

    fn call_enum(&self) -> TokenStream {
        let (attrs, vis, ident) = (&self.attrs, self.vis(), &self.types.call);
        let derive = self.derive();
        let doc = format!(" The calls of `{}`: a variant for each `#[rpc]` method.", self.name);
        let variants = self.calls.iter().map(|call| {
            let (attrs, name, fields, types) =
                (call.kept_attrs(&[]), &call.variant, call.fields(), self.param_types(call));
            let docs = fields.iter().map(|field| format!(" The parameter `{field}`."));
            quote_spanned!(Span::mixed_site()=> #attrs #name { #(#[doc = #docs] #fields: (#types)),* })
        });
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #[doc = #doc]
            #derive
            #vis enum #ident {
                #(#variants,)*
            }
        }
    }

    fn reply_enum(&self) -> TokenStream {
        let (attrs, vis, ident) = (&self.attrs, self.vis(), &self.types.reply);
        let derive = self.derive();
        let doc = format!(" What the calls of `{}` return.", self.name);
        let variants = self.calls.iter().map(|call| {
            let (cfgs, name, ty) = (call.cfgs(), &call.variant, self.reply_type(call));
            let doc = format!(" What `{}` returns.", call.function().sig.ident);
            let item = call.item().map(|(item, ty)| {
                let (cfgs, ty) = (call.cfgs(), self.sent(ty));
                let doc = format!(" An item that `{}` sends.", call.function().sig.ident);
                quote_spanned!(Span::mixed_site()=> , #(#cfgs)* #[doc = #doc] #item((#ty)))
            });
            quote_spanned!(Span::mixed_site()=> #(#cfgs)* #[doc = #doc] #name((#ty)) #item)
        });
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #[doc = #doc]
            #derive
            #vis enum #ident {
                #(#variants,)*
            }
        }
    }

    fn derive(&self) -> Option<TokenStream> {
        let derive = &self.types.derive;
        (!derive.is_empty()).then(|| quote!(#[derive(#(#derive),*)]))
    }

    fn peer_type(&self) -> TokenStream {
        let (attrs, vis, krate) = (&self.attrs, self.vis(), self.krate);
        let (peer, call) = (&self.types.peer, &self.types.call);
        let doc = format!(" The other end of a connection of `{}`.", self.name);
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #[doc = #doc]
            #vis type #peer = #krate::Peer<#krate::rpc::ServerMessage<#call>>;
        }
    }

    /// What the variant of the reply holds.
    pub(super) fn reply_type(&self, call: &Call<'_>) -> TokenStream {
        match &call.rpc.reply {
            Reply::Value(None) => quote!(()),
            Reply::Value(Some(ty)) | Reply::Uninterrupted { ok: ty } => self.sent(ty),
            Reply::Result { whole, .. } => self.sent(whole),
        }
    }

    fn protocol_impl(&self) -> TokenStream {
        let (attrs, krate) = (&self.attrs, self.krate);
        let (call, reply, client) = (&self.types.call, &self.types.reply, &self.types.client);
        let methods = self.calls.iter().map(|call| self.method(call));
        let is_this = self.calls.iter().map(|call| {
            let (cfgs, name, position) = (call.cfgs(), &call.variant, call.position.value());
            quote_spanned!(Span::mixed_site()=> #(#cfgs)* Self::#name { .. } => #position,)
        });
        let is_reply = self.calls.iter().map(|call| {
            let (cfgs, name, position) = (call.cfgs(), &call.variant, call.position.value());
            let item = call.item().map(|(item, _)| {
                let cfgs = call.cfgs();
                quote_spanned!(Span::mixed_site()=> #(#cfgs)* #reply::#item(_) => #position,)
            });
            quote_spanned!(Span::mixed_site()=> #(#cfgs)* #reply::#name(_) => #position, #item)
        });
        let (write_params, read_params) = (self.write_params(), self.read_params());
        let (is_error, write_reply, read_reply) = (self.is_error(), self.write_reply(), self.read_reply());
        let read_item = self.read_item();
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #[automatically_derived]
            impl #krate::rpc::Protocol for #call {
                type Reply = #reply;
                type Client = #client;
                const METHODS: &'static [#krate::rpc::Method] = &[#(#methods,)*];
                fn method(&self) -> usize {
                    match self { #(#is_this)* }
                }
                fn reply_method(reply: &#reply) -> usize {
                    match reply { #(#is_reply)* }
                }
                #write_params
                #read_params
                #is_error
                #write_reply
                #read_reply
                #read_item
            }
        }
    }

    /// `Method::new("shrink", method_number("shrink"), &["picture", "width"])`
    fn method(&self, call: &Call<'_>) -> TokenStream {
        let (krate, cfgs, name, params) = (self.krate, call.cfgs(), &call.rpc.name, call.names());
        let number = match call.rpc.number_key {
            Some(_) => Literal::u32_unsuffixed(call.rpc.number).to_token_stream(),
            None => quote_spanned!(Span::mixed_site()=> #krate::rpc::method_number(#name)),
        };
        let items = call.item().map(|_| quote_spanned!(Span::mixed_site()=> .sending_items()));
        quote_spanned! {Span::mixed_site()=>
            #(#cfgs)* #krate::rpc::Method::new(#name, #number, &[#(#params),*]) #items
        }
    }

    fn write_params(&self) -> TokenStream {
        let (krate, fallback) = (self.krate, self.fallback());
        let arms = self.calls.iter().map(|call| {
            let (cfgs, name, bindings, types) =
                (call.cfgs(), &call.variant, call.bindings(), self.param_types(call));
            let locals = call.locals();
            let values = locals.iter().zip(&types).map(|(local, ty)| self.written(local, ty));
            let values = match types.is_empty() {
                true => quote_spanned!(Span::mixed_site()=> #krate::rpc::private::NO_PARAMS),
                false => quote_spanned!(Span::mixed_site()=> (#(#values,)*)),
            };
            quote_spanned! {Span::mixed_site()=>
                #(#cfgs)*
                Self::#name { #bindings } => #krate::rpc::private::write_params(#values, serializer),
            }
        });
        quote_spanned! {Span::mixed_site()=>
            fn serialize_params<S: #krate::rpc::private::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                #fallback
                match self { #(#arms)* }
            }
        }
    }

    /// A check of each type that is sent, located at the type.
    fn checks(&self) -> TokenStream {
        let (attrs, krate) = (&self.attrs, self.krate);
        let mut checked: Vec<String> = Vec::new();
        let mut checks = TokenStream::new();
        for call in &self.calls {
            let (ok, err) = self.value_types(call);
            let is_unit = matches!(call.rpc.reply, Reply::Value(None));
            let result = (!is_unit).then_some(ok).into_iter().chain(err);
            let item = call.item().map(|(_, ty)| self.sent(ty));
            for ty in self.param_types(call).into_iter().chain(item).chain(result) {
                // Under `cfg`s, another check of the type may be left out.
                let text = ty.to_string();
                if checked.contains(&text) {
                    continue;
                }
                if !call.method.is_conditional() {
                    checked.push(text);
                }
                let cfgs = call.cfgs();
                checks.extend(quote_spanned! {at(&ty)=>
                    #(#cfgs)* #krate::rpc::private::is_sendable::<#ty>();
                });
            }
        }
        quote_spanned!(Span::mixed_site()=> #attrs const _: fn() = || { #checks };)
    }

    /// `use NotSendable as _;` for `Wire`.
    fn fallback(&self) -> TokenStream {
        let krate = self.krate;
        quote_spanned!(Span::mixed_site()=> #[allow(unused_imports)] use #krate::rpc::private::NotSendable as _;)
    }

    /// `Wire::<Bytes>::PROBE.sent(picture)`
    fn written(&self, field: &impl ToTokens, ty: &TokenStream) -> TokenStream {
        let krate = self.krate;
        quote_spanned!(at(ty)=> #krate::rpc::private::Wire::<#ty>::PROBE.sent(#field))
    }

    /// `Wire::<Bytes>::PROBE.received(picture)`
    fn received(&self, value: &impl ToTokens, ty: &TokenStream) -> TokenStream {
        let krate = self.krate;
        quote_spanned!(at(ty)=> #krate::rpc::private::Wire::<#ty>::PROBE.received(#value))
    }

    fn read_params(&self) -> TokenStream {
        let (krate, fallback) = (self.krate, self.fallback());
        let arms = self.calls.iter().map(|call| {
            let (cfgs, name, fields, types) =
                (call.cfgs(), &call.variant, call.fields(), self.param_types(call));
            let position = call.position.pattern();
            let locals = call.locals();
            let values = locals.iter().zip(&types).map(|(local, ty)| self.received(local, ty));
            quote_spanned! {Span::mixed_site()=>
                #(#cfgs)*
                #position => {
                    let (#(#locals,)*) = #krate::rpc::private::read_params(names, deserializer)?;
                    ::core::result::Result::Ok(Self::#name { #(#fields: #values),* })
                }
            }
        });
        quote_spanned! {Span::mixed_site()=>
            fn deserialize_params<'de, D: #krate::rpc::private::Deserializer<'de>>(
                method: usize,
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                #fallback
                let names = Self::METHODS[method].params;
                match method {
                    #(#arms)*
                    _ => #krate::rpc::private::unexpected(),
                }
            }
        }
    }

    fn is_error(&self) -> TokenStream {
        let reply = &self.types.reply;
        let results: Vec<_> = self
            .calls
            .iter()
            .filter(|call| call.rpc.reply.is_result())
            .map(|call| {
                let (cfgs, name) = (call.cfgs(), &call.variant);
                quote_spanned!(Span::mixed_site()=> #(#cfgs)* #reply::#name(result) => result.is_err(),)
            })
            .collect();
        let has_items = self.calls.iter().any(|call| call.item().is_some());
        let others = (results.len() < self.calls.len() || results.is_empty() || has_items)
            .then(|| quote_spanned!(Span::mixed_site()=> _ => false,));
        quote_spanned! {Span::mixed_site()=>
            fn is_error(reply: &#reply) -> bool {
                match reply { #(#results)* #others }
            }
        }
    }

    fn write_reply(&self) -> TokenStream {
        let (krate, reply) = (self.krate, &self.types.reply);
        let fallback = self.fallback();
        let value = quote_spanned!(Span::mixed_site()=> value);
        let arms = self.calls.iter().map(|call| {
            let (cfgs, name) = (call.cfgs().collect::<Vec<_>>(), &call.variant);
            let (ok, err) = self.value_types(call);
            let ok = self.written(&value, &ok);
            let item = call.item().map(|(item, ty)| {
                let written = self.written(&value, &self.sent(ty));
                quote_spanned! {Span::mixed_site()=>
                    #(#cfgs)*
                    #reply::#item(value) => #krate::rpc::private::write(#written, serializer),
                }
            });
            let returned = match err {
                None => quote_spanned! {Span::mixed_site()=>
                    #(#cfgs)*
                    #reply::#name(value) => #krate::rpc::private::write(#ok, serializer),
                },
                Some(err) => {
                    let err = self.written(&value, &err);
                    quote_spanned! {Span::mixed_site()=>
                        #(#cfgs)*
                        #reply::#name(::core::result::Result::Ok(value)) => #krate::rpc::private::write(#ok, serializer),
                        #(#cfgs)*
                        #reply::#name(::core::result::Result::Err(value)) => #krate::rpc::private::write(#err, serializer),
                    }
                }
            };
            quote!(#returned #item)
        });
        quote_spanned! {Span::mixed_site()=>
            fn serialize_reply<S: #krate::rpc::private::Serializer>(
                reply: &#reply,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                #fallback
                match reply { #(#arms)* }
            }
        }
    }

    fn read_reply(&self) -> TokenStream {
        let (krate, reply) = (self.krate, &self.types.reply);
        let fallback = self.fallback();
        let arms = self.calls.iter().map(|call| {
            let (cfgs, name, position) = (call.cfgs(), &call.variant, &call.position);
            let (pattern, guard) = match position.conditions.is_empty() {
                true => (position.value(), None),
                false => {
                    let value = position.value();
                    (
                        quote_spanned!(Span::mixed_site()=> position),
                        Some(quote_spanned!(Span::mixed_site()=> if position == #value)),
                    )
                }
            };
            let (ok, err) = self.value_types(call);
            let read = |ty: &TokenStream| {
                let value = quote_spanned!(Span::mixed_site()=> #krate::rpc::private::read(deserializer)?);
                self.received(&value, ty)
            };
            let (value, cfgs) = (read(&ok), cfgs.collect::<Vec<_>>());
            match err {
                None => quote_spanned! {Span::mixed_site()=>
                    #(#cfgs)*
                    (#pattern, false) #guard => #reply::#name(#value),
                },
                Some(err) => {
                    let error = read(&err);
                    quote_spanned! {Span::mixed_site()=>
                        #(#cfgs)*
                        (#pattern, false) #guard => #reply::#name(::core::result::Result::Ok(#value)),
                        #(#cfgs)*
                        (#pattern, true) #guard => #reply::#name(::core::result::Result::Err(#error)),
                    }
                }
            }
        });
        quote_spanned! {Span::mixed_site()=>
            fn deserialize_reply<'de, D: #krate::rpc::private::Deserializer<'de>>(
                method: usize,
                is_error: bool,
                deserializer: D,
            ) -> ::core::result::Result<#reply, D::Error> {
                #fallback
                ::core::result::Result::Ok(match (method, is_error) {
                    #(#arms)*
                    _ => return #krate::rpc::private::unexpected(),
                })
            }
        }
    }

    /// `None` if no method sends items.
    fn read_item(&self) -> Option<TokenStream> {
        let (krate, reply) = (self.krate, &self.types.reply);
        let fallback = self.fallback();
        let arms: Vec<_> = self
            .calls
            .iter()
            .filter_map(|call| {
                let (item, ty) = call.item()?;
                let (cfgs, position) = (call.cfgs(), call.position.pattern());
                let value = quote_spanned!(Span::mixed_site()=> #krate::rpc::private::read(deserializer)?);
                let value = self.received(&value, &self.sent(ty));
                Some(quote_spanned!(Span::mixed_site()=> #(#cfgs)* #position => #reply::#item(#value),))
            })
            .collect();
        (!arms.is_empty()).then(|| {
            quote_spanned! {Span::mixed_site()=>
                fn deserialize_item<'de, D: #krate::rpc::private::Deserializer<'de>>(
                    method: usize,
                    deserializer: D,
                ) -> ::core::result::Result<#reply, D::Error> {
                    #fallback
                    ::core::result::Result::Ok(match method {
                        #(#arms)*
                        _ => return #krate::rpc::private::unexpected(),
                    })
                }
            }
        })
    }

    /// The type of the value, and of the error if the method has one.
    pub(super) fn value_types(&self, call: &Call<'_>) -> (TokenStream, Option<TokenStream>) {
        let krate = self.krate;
        match &call.rpc.reply {
            Reply::Result { types: Some(types), .. } => (self.sent(&types.0), Some(self.sent(&types.1))),
            Reply::Result { whole, types: None } => {
                let whole = self.sent(whole);
                let of = |name: &str| {
                    let name = proc_macro2::Ident::new(name, at(&whole));
                    quote_spanned!(at(&whole)=> <#whole as #krate::__private::ResultType>::#name)
                };
                (of("Ok"), Some(of("Err")))
            }
            _ => (self.reply_type(call), None),
        }
    }
}
