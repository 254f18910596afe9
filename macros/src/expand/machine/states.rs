//! The enum of the states.

use super::Machine;
use crate::{
    expand::{attrs, types},
    model::{Method, ReturnShape, StateEnum, TransitionHandler, variant},
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::GenericParam;

impl Machine<'_> {
    pub(super) fn state_enum(&self) -> TokenStream {
        let StateEnum { ident, vis, derive } = self.states;
        // A private type can't be part of a public service (E0446), and the block does not tell
        // whether the service is public. The compiler does not report an unreachable `pub` on an
        // item that looks generated, which it decides by the first and the last token.
        let site = Span::mixed_site();
        let vis = vis.as_ref().map_or_else(|| quote_spanned!(site=> pub), ToTokens::to_token_stream);
        let derive = (!derive.is_empty()).then(|| quote!(#[derive(#(#derive),*)]));
        let attrs = self.attrs();
        let generics = self.enum_generics();
        let where_clause = &generics.where_clause;
        let doc = " Where a session stands: a variant for each `#[state]`.";
        let variants = self.state_handlers().into_iter().map(|(method, transition)| {
            let function = &method.function;
            let name = variant(&function.sig.ident);
            let attrs = attrs::of_variant(function);
            let data = self.stored_data(transition);
            // With generated parentheses: the compiler warns about a field that looks written, if
            // its type is less public than the enum.
            let data =
                (!transition.data.is_empty()).then(|| quote_spanned!(Span::mixed_site()=> (#((#data)),*)));
            quote!(#attrs #name #data)
        });
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #[doc = #doc]
            #derive
            #vis enum #ident #generics #where_clause {
                #(#variants,)*
                /// The session ends, once what it has to say is written.
                Closed,
            }
        }
    }

    /// The impls for methods that return the enum under another name; `None` if there is none.
    pub(super) fn next_impl(&self) -> Option<TokenStream> {
        let by_another_name = |(_, transition): (&Method, &TransitionHandler)| {
            matches!(transition.return_shape, ReturnShape::Alias(_))
        };
        self.service.transition_handlers().any(by_another_name).then(|| {
            let (krate, head, states) = (self.krate, &self.service.head, self.state_type());
            let ty = &head.self_ty;
            let mut of_enum = self.enum_generics();
            of_enum.params.push(GenericParam::Type(Ident::new("Otherwise", Span::mixed_site()).into()));
            let (enum_generics, _, enum_clause) = of_enum.split_for_impl();
            let (generics, _, where_clause) = head.generics.split_for_impl();
            let attrs = self.attrs();
            let (generics, where_clause) = (
                types::without_self(generics.to_token_stream(), ty),
                types::without_self(where_clause.to_token_stream(), ty),
            );
            quote_spanned! {Span::mixed_site()=>
                #attrs
                #[automatically_derived]
                impl #generics #krate::__private::NextState<#ty, #krate::__private::StateAlone> for #states #where_clause {
                    fn into_step(
                        self,
                    ) -> ::core::result::Result<#krate::__private::Step<#ty>, <#ty as #krate::Service>::Error> {
                        ::core::result::Result::Ok(#krate::__private::Step::go(self))
                    }
                }
                #attrs
                #[automatically_derived]
                impl #enum_generics #krate::__private::NextTypes<Otherwise> for #states #enum_clause {
                    type Response = Otherwise;
                    type Err = Otherwise;
                }
            }
        })
    }

    /// The types of the data that a session stores in this state.
    pub(super) fn stored_data<'b>(
        &'b self,
        transition: &'b TransitionHandler,
    ) -> impl Iterator<Item = TokenStream> + 'b {
        let service = &self.service.head.self_ty;
        transition
            .data
            .iter()
            .map(move |param| types::without_self(types::stored(&param.written.ty, self.krate), service))
    }

    /// `ChatState<S>`
    pub(super) fn state_type(&self) -> TokenStream {
        let ident = &self.states.ident;
        let generics = self.enum_generics();
        let (_, generics, _) = generics.split_for_impl();
        quote!(#ident #generics)
    }
}
