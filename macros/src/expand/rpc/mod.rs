//! `#[rpc]`: the enums of the calls and their replies, the service, and the client.
//!
//! | file | generates |
//! |---|---|
//! | `protocol` | `ImagesCall`, `ImagesReply`, `ImagesPeer`, and `impl Protocol` |
//! | `service` | `impl Service`, whose session serves calls, and `impl RpcService`, which dispatches them |
//! | `client` | `ImagesClient`, with a method for each call |
//!
//! What is the same for all services is in `portcullis::rpc`.

mod client;
mod protocol;
mod service;

use super::{attrs, cfg, span::at, types};
use crate::model::{
    Function, Method, Param, Role, Rpc, RpcTypes, Service, find_borrow, sender_item, variant,
};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Path, Type};

/// A block with `#[rpc]` methods, and what is generated for them.
struct Expansion<'a> {
    service: &'a Service,
    types: &'a RpcTypes,
    krate: &'a Path,
    calls: Vec<Call<'a>>,
}

/// One `#[rpc]` method.
struct Call<'a> {
    method: &'a Method,
    rpc: &'a Rpc,
    /// `Shrink` of `shrink`.
    variant: Ident,
    /// The position in `Protocol::METHODS`.
    position: Position,
}

/// A position among methods, of which `cfg`s may remove some.
struct Position {
    /// The methods before it without `cfg`s.
    fixed: usize,
    /// The conditions of the others.
    conditions: Vec<TokenStream>,
}

/// All items; nothing if the block has no `#[rpc]` methods, or other handlers too, which is
/// reported.
pub(super) fn items(service: &Service, krate: &Path) -> TokenStream {
    let Some(types) = &service.rpc else { return TokenStream::new() };
    if service.states.is_some() || service.handlers().next().is_some() {
        return TokenStream::new();
    }
    let expansion = Expansion { service, types, krate, calls: calls(service) };
    let (protocol, service, client) = (expansion.protocol(), expansion.service(), expansion.client());
    quote!(#protocol #service #client)
}

/// The methods, each variant once. Of two that make the same one, which is reported, the first.
fn calls(service: &Service) -> Vec<Call<'_>> {
    let mut calls: Vec<Call<'_>> = Vec::new();
    let (mut fixed, mut conditions) = (0, Vec::new());
    for (method, rpc) in service.rpc_methods() {
        let variant = variant(&method.function.sig.ident);
        let is_known = |call: &Call<'_>| {
            call.variant == variant && !(call.method.is_conditional() && method.is_conditional())
        };
        if calls.iter().any(is_known) {
            continue;
        }
        let position = Position { fixed, conditions: conditions.clone() };
        match cfg::condition(method) {
            Some(condition) => conditions.push(condition),
            None => fixed += 1,
        }
        calls.push(Call { method, rpc, variant, position });
    }
    calls
}

impl Position {
    /// `2`, or `2 + cfg!(unix) as usize`.
    fn value(&self) -> TokenStream {
        let (fixed, conditions) = (Literal::usize_unsuffixed(self.fixed), &self.conditions);
        quote_spanned!(Span::mixed_site()=> #fixed #(+ ::core::cfg!(#conditions) as usize)*)
    }

    /// The pattern of this position, with a guard if it depends on `cfg`s.
    fn pattern(&self) -> TokenStream {
        let value = self.value();
        match self.conditions.is_empty() {
            true => value,
            false => quote_spanned!(Span::mixed_site()=> position if position == #value),
        }
    }
}

impl<'a> Call<'a> {
    /// The parameters, without those that are too many, which is reported.
    fn params(&self) -> impl Iterator<Item = &'a Param> + use<'a> {
        self.rpc.params.iter().take(Rpc::MAX_PARAMS)
    }

    fn function(&self) -> &'a Function {
        &self.method.function
    }

    fn cfgs(&self) -> impl Iterator<Item = &'a Attribute> + use<'a> {
        self.method.function.cfgs()
    }

    /// The attributes of the method that are also those of its variant and of the client's method:
    /// `cfg`s and docs.
    fn kept_attrs(&self, others: &[&str]) -> TokenStream {
        let is_doc = |attr: &&Attribute| attr.path().is_ident("doc");
        let is_kept = |attr: &&Attribute| {
            is_doc(attr)
                || attr.path().is_ident("cfg")
                || others.iter().any(|name| attr.path().is_ident(name))
        };
        let attrs = &self.function().attrs;
        let kept: TokenStream = attrs.iter().filter(is_kept).map(ToTokens::to_token_stream).collect();
        match attrs.iter().any(|attr| is_doc(&attr)) {
            true => kept,
            false => {
                let doc = format!(" Calls `{}`.", self.function().sig.ident);
                quote!(#[doc = #doc] #kept)
            }
        }
    }

    /// The names of the parameters as fields of the variant.
    ///
    /// They look generated: the compiler warns about a field that looks written, if its type is
    /// less public than the enum.
    fn fields(&self) -> Vec<Ident> {
        let field = |(index, param): (usize, &Param)| match param.ident() {
            Some(name) => {
                let mut name = name.clone();
                name.set_span(at(&name));
                name
            }
            // A pattern, which is reported.
            None => Ident::new(&format!("param{index}"), Span::mixed_site()),
        };
        self.params().enumerate().map(field).collect()
    }

    /// The names of the parameters on the wire.
    fn names(&self) -> impl Iterator<Item = String> {
        self.params().map(|param| Rpc::param_name(param).unwrap_or_default())
    }

    /// The variant of the reply for an item, and the type of the item, if the method sends items.
    fn item(&self) -> Option<(Ident, &'a Type)> {
        let ty = sender_item(self.rpc.sender.as_ref()?)?;
        Some((Ident::new(&format!("{}Item", self.variant), self.variant.span()), ty))
    }

    fn is_job(&self) -> bool {
        matches!(self.method.role, Role::Blocking(_))
    }
}

impl Expansion<'_> {
    /// The attributes of all items.
    fn attrs(&self) -> TokenStream {
        attrs::of_block(self.service)
    }

    fn vis(&self) -> TokenStream {
        // As for the enum of states: a private type can't be part of a public service.
        let public = || quote_spanned!(Span::mixed_site()=> pub);
        self.types.vis.as_ref().map_or_else(public, ToTokens::to_token_stream)
    }

    /// The name of the service, for docs.
    fn service_name(&self) -> String {
        crate::model::type_name(&self.service.head.self_ty)
    }

    /// A type of a call outside of the block. One that contains a reference is reported.
    fn sent(&self, ty: &Type) -> TokenStream {
        match find_borrow(ty).is_some() || matches!(ty, Type::Never(_)) {
            true => {
                let krate = self.krate;
                quote_spanned!(at(ty)=> #krate::rpc::private::Unknown)
            }
            false => types::without_self(ty.to_token_stream(), &self.service.head.self_ty),
        }
    }

    /// The types of the parameters.
    fn param_types(&self, call: &Call<'_>) -> Vec<TokenStream> {
        call.params().map(|param| self.sent(&param.written.ty)).collect()
    }
}
