//! `#[rpc]`: the enums of the calls and their replies, the service, and the client.
//!
//! | file | generates |
//! |---|---|
//! | `protocol` | `ImagesCall`, `ImagesReply`, `ImagesPeer`, and `impl Protocol` |
//! | `service` | `impl Service`, whose session serves calls, and `impl RpcService`, which dispatches them |
//! | `client` | `ImagesClient`, with a method for each call |
//! | `call_trait` | of a trait: `Images`, which has the signatures, and `ImagesApi`, which `ImagesClient` and mocks implement |
//! | `implementation` | of a service that implements a trait: the check of its signatures, and the dispatch |
//!
//! A trait has all but the service, and a service that implements a trait has only the service.
//! What is the same for all services is in `portcullis::rpc`.

mod call_trait;
mod client;
mod implementation;
mod protocol;
mod service;

pub(super) use self::implementation::object;

use self::implementation::Implementation;
use super::{attrs, call::at_output, cfg, span::at, types};
use crate::model::{
    CallTrait, Function, Method, Param, Role, Rpc, RpcTypes, Service, find_borrow, sender_item, type_name,
    variant,
};
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Path, Type};

/// The calls of a block or of a trait, and the types that are generated for them.
struct Expansion<'a> {
    /// The name of the service or of the trait, for docs.
    name: String,
    /// The attributes of all items.
    attrs: TokenStream,
    /// The type of the service.
    self_ty: Option<&'a Type>,
    types: &'a RpcTypes,
    krate: &'a Path,
    calls: Vec<Call<'a>>,
}

/// A block with `#[rpc]` methods.
struct Block<'a> {
    service: &'a Service,
    expansion: Expansion<'a>,
    /// The enums of the calls and of their replies.
    call: TokenStream,
    reply: TokenStream,
    /// If it implements a trait.
    implementation: Option<Implementation<'a>>,
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

/// All items; nothing if the block has no `#[rpc]` methods, or if other handlers or a name that is
/// generated twice are reported.
pub(super) fn items(service: &Service, krate: &Path) -> TokenStream {
    let Some(types) = &service.rpc else { return TokenStream::new() };
    let is_taken = service.rpc_trait.is_none() && service.generated_twice().is_some();
    if service.states.is_some() || service.handlers().next().is_some() || is_taken {
        return TokenStream::new();
    }
    let expansion = Expansion {
        name: type_name(&service.head.self_ty),
        attrs: attrs::of_block(service),
        self_ty: Some(&service.head.self_ty),
        types,
        krate,
        calls: calls(service.rpc_methods()),
    };
    let implementation = service.rpc_trait.as_ref().map(|keyed| Implementation::new(&keyed.value, krate));
    let (call, reply) = match &implementation {
        Some(of_trait) => (of_trait.call(), of_trait.reply()),
        None => (types.call.to_token_stream(), types.reply.to_token_stream()),
    };
    let block = Block { service, expansion, call, reply, implementation };
    match block.signatures() {
        Some(signatures) => block.service().into_iter().chain(signatures).collect(),
        None if block.implementation.is_some() => block.service(),
        None => {
            let (protocol, client) = (block.expansion.protocol(), block.expansion.client());
            let service = block.service();
            quote!(#protocol #service #client)
        }
    }
}

/// All items of a trait under `#[rpc]`.
pub(crate) fn of_trait(written: &CallTrait) -> TokenStream {
    let krate = types::facade(written.krate.as_ref());
    if !crate::HAS_RPC {
        return call_trait::signatures_only(written);
    }
    let expansion = Expansion {
        name: written.head.ident.to_string(),
        attrs: attrs::of_trait(written),
        self_ty: None,
        types: &written.types,
        krate: &krate,
        // A method with an error may collide with generated names.
        calls: calls(written.calls().filter(|(method, _)| !method.sink.has_errors())),
    };
    if expansion.calls.is_empty() {
        return call_trait::signatures_only(written);
    }
    let (protocol, client, items) = (expansion.protocol(), expansion.client(), expansion.call_trait(written));
    quote!(#items #protocol #client)
}

/// The methods, each variant once. Of two that make the same one, which is reported, the first, and
/// none that makes the variant of another's items.
fn calls<'a>(methods: impl Iterator<Item = (&'a Method, &'a Rpc)>) -> Vec<Call<'a>> {
    let methods: Vec<_> = methods.collect();
    let mut calls: Vec<Call<'_>> = Vec::new();
    let (mut fixed, mut conditions) = (0, Vec::new());
    for (method, rpc) in &methods {
        let variant = variant(&method.function.sig.ident);
        let both = |other: &Method| !(other.is_conditional() && method.is_conditional());
        let is_known = |call: &Call<'_>| call.variant == variant && both(call.method);
        let is_item = |(other, rpc): &(&Method, &Rpc)| {
            let item = item_of(&self::variant(&other.function.sig.ident));
            rpc.sender.is_some() && item == variant && both(other)
        };
        if calls.iter().any(is_known) || methods.iter().any(is_item) {
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

/// `SearchItem` of `Search`.
fn item_of(variant: &Ident) -> Ident {
    Ident::new(&format!("{variant}Item"), variant.span())
}

/// `fn count(&self, params) -> u64` of the trait, or of its implementation, located at what the
/// user has written.
fn signature(function: &Function, params: TokenStream, output: Option<&TokenStream>) -> TokenStream {
    let (fn_token, name) = (&function.sig.fn_token, &function.sig.ident);
    let place = match function.receiver.written() {
        Some(written) => at(written),
        None => at(name),
    };
    let mut inputs = Group::new(Delimiter::Parenthesis, quote_spanned!(place=> &self #params));
    inputs.set_span(function.sig.paren_token.span.join());
    let output = output.map(|ty| quote_spanned!(at_output(function)=> -> #ty));
    quote!(#fn_token #name #inputs #output)
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

    /// The locals for the parameters: `arg0`. A name of the user's could be that of another local
    /// of the expansion.
    fn locals(&self) -> Vec<Ident> {
        let local =
            |(index, param): (usize, &Param)| Ident::new(&format!("arg{index}"), at(&param.written.pat));
        self.params().enumerate().map(local).collect()
    }

    /// `picture: arg0, width: arg1`: the fields of the variant, bound to the locals.
    fn bindings(&self) -> TokenStream {
        let (fields, locals) = (self.fields(), self.locals());
        quote_spanned!(Span::mixed_site()=> #(#fields: #locals),*)
    }

    /// The names of the parameters on the wire.
    fn names(&self) -> impl Iterator<Item = String> {
        self.params().map(|param| Rpc::param_name(param).unwrap_or_default())
    }

    /// The variant of the reply for an item, and the type of the item, if the method sends items.
    fn item(&self) -> Option<(Ident, &'a Type)> {
        let ty = sender_item(self.rpc.sender.as_ref()?)?;
        Some((item_of(&self.variant), ty))
    }

    fn is_job(&self) -> bool {
        matches!(self.method.role, Role::Blocking(_))
    }
}

impl Expansion<'_> {
    fn vis(&self) -> TokenStream {
        // As for the enum of states: a private type can't be part of a public service.
        let public = || quote_spanned!(Span::mixed_site()=> pub);
        self.types.vis.as_ref().map_or_else(public, ToTokens::to_token_stream)
    }

    /// A type of a call outside of the block. One that contains a reference is reported.
    fn sent(&self, ty: &Type) -> TokenStream {
        if find_borrow(ty).is_some() || matches!(ty, Type::Never(_)) {
            let krate = self.krate;
            return quote_spanned!(at(ty)=> #krate::rpc::private::Unknown);
        }
        match self.self_ty {
            Some(self_ty) => types::without_self(ty.to_token_stream(), self_ty),
            None => ty.to_token_stream(),
        }
    }

    /// The types of the parameters.
    fn param_types(&self, call: &Call<'_>) -> Vec<TokenStream> {
        call.params().map(|param| self.sent(&param.written.ty)).collect()
    }
}
