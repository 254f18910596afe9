//! An `impl Service` without content, for a block that has lost its handlers to an error, so that
//! the code that serves the type reports no second one.

use crate::{
    expand::{misplaced, types},
    model::{Service, find_borrow},
    parse::NotAnImpl,
};
use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{Attribute, ItemImpl, Path};

/// For a block whose only handler has a second attribute of ours, and was taken for that.
pub(super) fn of_block(service: &Service, krate: &Path) -> Option<TokenStream> {
    let is_handler =
        |name: &proc_macro2::Ident| ["request", "session", "state"].iter().any(|word| name == word);
    let lost = service
        .methods()
        .any(|method| method.has_conflicting_attrs() && method.own_attrs.iter().any(is_handler));
    // `#[rpc]` without its feature, or with a name that is taken.
    let is_taken = service.rpc_trait.is_none() && service.generated_twice().is_some();
    let is_left_out = service.rpc.is_some() && (!crate::HAS_RPC || is_taken);
    (lost || is_left_out).then(|| stub(&service.head, krate))
}

/// For `#[service] impl Trait for Type` with handlers in it.
pub(super) fn of_other(other: &NotAnImpl, item: &TokenStream, krate: &Path) -> Option<TokenStream> {
    let NotAnImpl::TraitImpl(head) = other else { return None };
    let has_marks = misplaced::strip_attrs(item.clone()).to_string() != item.to_string();
    let owned = find_borrow(&head.self_ty).is_none() && head.generics.params.is_empty();
    (has_marks && owned).then(|| stub(head, krate))
}

fn stub(head: &ItemImpl, krate: &Path) -> TokenStream {
    let (generics, _, where_clause) = head.generics.split_for_impl();
    let is_cfg = |attr: &&Attribute| attr.path().is_ident("cfg");
    let (cfgs, ty) = (head.attrs.iter().filter(is_cfg).collect::<Vec<_>>(), &head.self_ty);
    let unknown = types::unknown(krate);
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        #[automatically_derived]
        impl #generics #krate::Service for #ty #where_clause {
            type Request = #unknown;
            type Response = #unknown;
            type Error = ::core::convert::Infallible;
            type Event = ::core::convert::Infallible;
            type Conn = ();
            type State = ();
            type Kind = #krate::__private::PerRequest;
            async fn on_connect(
                self: &::std::sync::Arc<Self>,
                _: &#krate::Peer<#unknown, ::core::convert::Infallible>,
            ) -> ::core::result::Result<#krate::__private::Connected<Self>, ::core::convert::Infallible> {
                ::core::unreachable!()
            }
        }
    }
}
