//! The model of a trait under `#[rpc]`, whose methods are calls that a service in another crate
//! handles.

use super::{Method, Placement, Role, Rpc, RpcTypes};
use crate::{
    parse::{self, Attr, AttrArgs, RpcOptions, TraitFn},
    report::ErrorSink,
};
use proc_macro2::{Group, Ident, Span, TokenStream};
use syn::{ItemTrait, Path};

/// A trait whose methods are calls.
pub(crate) struct CallTrait {
    /// The trait without its items.
    pub(crate) head: ItemTrait,
    /// The path of the facade, if `crate = ..` gives one.
    pub(crate) krate: Option<Path>,
    pub(crate) types: RpcTypes,
    pub(crate) methods: Vec<TraitMethod>,
    /// Items that a trait of calls can't have.
    pub(crate) others: Vec<TokenStream>,
    /// Items that can't be parsed, which are emitted for the compiler to report.
    pub(crate) unparsed: Vec<TokenStream>,
    pub(crate) sink: ErrorSink,
}

/// A method, and the body that it must not have.
pub(crate) struct TraitMethod {
    pub(crate) method: Method,
    pub(crate) default: Option<Group>,
}

impl CallTrait {
    pub(crate) fn new(written: parse::CallTrait) -> Self {
        let parse::CallTrait { mut options, head, items, sink } = written;
        let krate = options.krate.take().map(|keyed| keyed.value);
        let types = RpcTypes::of_trait(options, head.vis.clone(), &head.ident);
        let (mut methods, mut others, mut unparsed) = (Vec::new(), Vec::new(), Vec::new());
        for item in items {
            match item {
                parse::TraitItem::Fn(function) => methods.push(TraitMethod::new(*function)),
                parse::TraitItem::Other(tokens) => others.push(tokens),
                parse::TraitItem::Unparsed(tokens) => unparsed.push(tokens),
            }
        }
        CallTrait { head, krate, types, methods, others, unparsed, sink }
    }

    /// The methods. Each of them is a call.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (&Method, &Rpc)> {
        self.methods.iter().filter_map(|one| Some((&one.method, one.method.rpc.as_deref()?)))
    }
}

impl TraitMethod {
    fn new(written: TraitFn) -> Self {
        let TraitFn { mut function, default } = written;
        let names: Vec<Ident> = function.own_attrs.iter().map(|attr| attr.name.clone()).collect();
        function.own_attrs.retain(|attr| matches!(attr.args, AttrArgs::Rpc(_)));
        if function.own_attrs.is_empty() {
            let name = Ident::new("rpc", Span::call_site());
            function.own_attrs.push(Attr { name, path: None, args: AttrArgs::Rpc(RpcOptions::default()) });
        }
        let placement = Placement::Service { name: String::new(), states: None, params: Vec::new() };
        let mut method = Method::new(function, &placement, None);
        method.role = Role::Call;
        method.own_attrs = names;
        TraitMethod { method, default }
    }
}
