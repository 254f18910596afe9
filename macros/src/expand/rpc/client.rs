//! The client: a newtype of `RpcClient` with a method for each call.

use super::{Call, Expansion};
use crate::{
    expand::signature,
    model::{Reply, Rpc},
};
use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

impl Expansion<'_> {
    pub(super) fn client(&self) -> TokenStream {
        let (attrs, vis, krate) = (&self.attrs, self.vis(), self.krate);
        let (client, calls) = (&self.types.client, &self.types.call);
        let doc = format!(" A client of `{}`. Clones share its connection.", self.name);
        // A call with the name of another method of the client is reported.
        let is_free =
            |call: &&Call<'_>| !Rpc::OF_THE_CLIENT.iter().any(|name| call.function().sig.ident == name);
        let methods = self.calls.iter().filter(is_free).map(|call| self.client_method(call));
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #[doc = #doc]
            #[derive(Clone, Debug)]
            #vis struct #client(#krate::rpc::RpcClient<#calls>);

            #attrs
            #[allow(dead_code, clippy::too_many_arguments)]
            impl #client {
                /// Connects to a service. The connection is driven by a task on the current tokio
                /// runtime.
                ///
                /// # Errors
                /// The connection cannot be made.
                pub async fn connect<A, C>(addr: A, codec: C) -> ::core::result::Result<Self, #krate::ClientError>
                where
                    A: #krate::Connect,
                    A::Stream: ::core::marker::Send + 'static,
                    C: #krate::Codec<#krate::rpc::ServerMessage<#calls>, #krate::rpc::ClientMessage<#calls>>,
                {
                    ::core::result::Result::Ok(Self(#krate::rpc::RpcClient::connect(addr, codec).await?))
                }

                /// Makes a client over a stream that is already connected.
                ///
                /// # Panics
                /// Outside of a tokio runtime.
                pub fn from_stream<C, IO>(io: IO, codec: C) -> Self
                where
                    C: #krate::Codec<#krate::rpc::ServerMessage<#calls>, #krate::rpc::ClientMessage<#calls>>,
                    IO: #krate::rpc::private::AsyncRead
                        + #krate::rpc::private::AsyncWrite
                        + ::core::marker::Unpin
                        + ::core::marker::Send
                        + 'static,
                {
                    Self(#krate::rpc::RpcClient::from_stream(io, codec))
                }

                /// Makes a client that connects when there is a call to send, and again when the
                /// connection is lost. It never sends a call twice: a call in flight ends with
                /// `Lost` then.
                ///
                /// # Panics
                /// Outside of a tokio runtime.
                pub fn reconnecting<A, C>(addr: A, codec: C, backoff: #krate::Backoff) -> Self
                where
                    A: #krate::Connect
                        + ::core::clone::Clone
                        + ::core::marker::Send
                        + ::core::marker::Sync
                        + 'static,
                    A::Stream: ::core::marker::Send,
                    C: #krate::Codec<#krate::rpc::ServerMessage<#calls>, #krate::rpc::ClientMessage<#calls>>,
                {
                    Self(#krate::rpc::RpcClient::reconnecting(addr, codec, backoff))
                }

                /// Connects to a service, for a program without a runtime: a thread of the client
                /// drives the connection. Wait for calls with `blocking_wait`.
                ///
                /// # Errors
                /// The connection cannot be made, or the thread cannot be started.
                pub fn connect_blocking<A, C>(
                    addr: A,
                    codec: C,
                ) -> ::core::result::Result<Self, #krate::ClientError>
                where
                    A: #krate::Connect + ::core::marker::Send + 'static,
                    A::Stream: ::core::marker::Send + 'static,
                    C: #krate::Codec<#krate::rpc::ServerMessage<#calls>, #krate::rpc::ClientMessage<#calls>>,
                {
                    ::core::result::Result::Ok(Self(#krate::rpc::RpcClient::connect_blocking(addr, codec)?))
                }

                /// Returns the client of calls as values.
                pub fn into_inner(self) -> #krate::rpc::RpcClient<#calls> {
                    self.0
                }

                #(#methods)*
            }

            #attrs
            #[automatically_derived]
            impl ::core::convert::From<#krate::rpc::RpcClient<#calls>> for #client {
                fn from(client: #krate::rpc::RpcClient<#calls>) -> Self {
                    Self(client)
                }
            }

            #attrs
            #[automatically_derived]
            impl ::core::convert::AsRef<#krate::rpc::RpcClient<#calls>> for #client {
                fn as_ref(&self) -> &#krate::rpc::RpcClient<#calls> {
                    &self.0
                }
            }
        }
    }

    /// `pub fn shrink(&self, picture: Bytes, width: u32) -> Call<ImagesCall, Bytes, ImageError>`
    fn client_method(&self, call: &Call<'_>) -> TokenStream {
        let (krate, calls, reply) = (self.krate, &self.types.call, &self.types.reply);
        let (ident, variant) = (&call.function().sig.ident, &call.variant);
        let (fields, types) = (call.fields(), self.param_types(call));
        let attrs = call.kept_attrs(&["deprecated"]);
        let mut name = ident.clone();
        name.set_span(crate::expand::span::at(ident));
        let (ok, err) = self.value_types(call);
        let err = err.map(|err| quote_spanned!(Span::mixed_site()=> , #err));
        let value = match call.rpc.reply {
            Reply::Result { .. } => quote_spanned!(Span::mixed_site()=> result),
            _ => quote_spanned!(Span::mixed_site()=> ::core::result::Result::Ok(result)),
        };
        let brackets = signature::brackets();
        if let Some((item, ty)) = call.item() {
            let ty = self.sent(ty);
            return quote_spanned! {Span::mixed_site()=>
                #attrs
                pub fn #name #brackets (&self #(, #fields: #types)*) -> #krate::rpc::StreamCall<#calls, #ty, #ok #err> {
                    self.0.call_stream(
                        #calls::#variant { #(#fields),* },
                        |reply| match reply {
                            #reply::#item(item) => ::core::option::Option::Some(item),
                            _ => ::core::option::Option::None,
                        },
                        |reply| match reply {
                            #reply::#variant(result) => ::core::option::Option::Some(#value),
                            _ => ::core::option::Option::None,
                        },
                    )
                }
            };
        }
        quote_spanned! {Span::mixed_site()=>
            #attrs
            pub fn #name #brackets (&self #(, #fields: #types)*) -> #krate::rpc::Call<#calls, #ok #err> {
                self.0.call(#calls::#variant { #(#fields),* }, |reply| match reply {
                    #reply::#variant(result) => ::core::option::Option::Some(#value),
                    #[allow(unreachable_patterns)]
                    _ => ::core::option::Option::None,
                })
            }
        }
    }
}
