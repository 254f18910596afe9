//! The enum of the states.

use super::Machine;
use crate::{
    expand::{attrs, types},
    model::{Gives, Method, Move, StateEnum, variant},
};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{GenericParam, Generics};

impl Machine<'_> {
    pub(super) fn state_enum(&self) -> TokenStream {
        let StateEnum { ident, vis, derive } = self.states;
        // A private type can't be a part of a public service (E0446), and the block does not say which kind this is. That it is public
        // for no one the compiler does not tell of what a macro wrote, which it takes this for by the first and the last token.
        let site = Span::mixed_site();
        let vis = vis.as_ref().map_or_else(|| quote_spanned!(site=> pub), ToTokens::to_token_stream);
        let derive = (!derive.is_empty()).then(|| quote!(#[derive(#(#derive),*)]));
        let attrs = self.attrs();
        let generics = self.enum_generics();
        let doc = " Where a session stands: a variant for each `#[state]`.";
        let variants = self.state_handlers().into_iter().map(|(method, step)| {
            let function = &method.function;
            let name = variant(&function.sig.ident);
            let attrs = attrs::of_variant(function);
            let data = step.data.iter().map(|param| types::kept(&param.written.ty, self.krate));
            // The brackets are ours: a field that looks written is told of, if its type is less public than the enum.
            let data = (!step.data.is_empty()).then(|| quote_spanned!(Span::mixed_site()=> (#((#data)),*)));
            quote!(#attrs #name #data)
        });
        quote_spanned! {Span::mixed_site()=>
            #attrs
            #[doc = #doc]
            #derive
            #vis enum #ident #generics {
                #(#variants,)*
                /// The session ends, once what it has to say is written.
                Closed,
            }
        }
    }

    /// Those of the block that the states' data mention.
    fn enum_generics(&self) -> Generics {
        let data: TokenStream = self
            .service
            .state_handlers()
            .flat_map(|(_, step)| &step.data)
            .map(|param| param.written.ty.to_token_stream())
            .collect();
        let mut generics = self.service.head.generics.clone();
        generics.where_clause = None;
        generics.params = generics
            .params
            .into_iter()
            .filter_map(|param| match param {
                GenericParam::Type(mut param) if mentions(data.clone(), &param.ident) => {
                    param.bounds.clear();
                    param.colon_token = None;
                    Some(GenericParam::Type(param))
                }
                GenericParam::Const(param) if mentions(data.clone(), &param.ident) => {
                    Some(GenericParam::Const(param))
                }
                _ => None,
            })
            .collect();
        generics
    }

    /// For methods that return a state by another name; nothing, if there are none.
    pub(super) fn next_impl(&self) -> Option<TokenStream> {
        let by_another_name = |(_, step): (&Method, &Move)| matches!(step.gives, Gives::Alias(_));
        self.service.moves().any(by_another_name).then(|| {
            let (krate, head, states) = (self.krate, &self.service.head, self.state_type());
            let (generics, _, where_clause) = head.generics.split_for_impl();
            let (attrs, ty) = (self.attrs(), &head.self_ty);
            quote_spanned! {Span::mixed_site()=>
                #attrs
                #[automatically_derived]
                impl #generics #krate::__private::NextState<#ty> for #states #where_clause {
                    fn into_step(self) -> #krate::__private::Step<#ty> {
                        #krate::__private::Step::go(self)
                    }
                }
            }
        })
    }

    /// `ChatState<S>`
    pub(super) fn state_type(&self) -> TokenStream {
        let ident = &self.states.ident;
        let generics = self.enum_generics();
        let (_, generics, _) = generics.split_for_impl();
        quote!(#ident #generics)
    }
}

pub(super) fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}
