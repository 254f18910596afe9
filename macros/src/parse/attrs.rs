//! Our attributes on a method. They are taken off it, because the expansion replaces them.

use super::{
    attr_options::{
        BlockingOptions, EventOptions, OnOptions, RequestOptions, RpcOptions, SessionOptions, StateOptions,
    },
    cfg, options,
};
use crate::{attributes::AttrKind, report::ErrorSink};
use proc_macro2::TokenStream;
use syn::{Attribute, Ident, Path};

/// One of our attributes.
pub(crate) struct Attr {
    /// The last name of its path: the location of messages about the whole attribute.
    pub(crate) name: Ident,
    /// The path, if it may lead to another attribute of the same name.
    pub(crate) path: Option<Path>,
    pub(crate) args: AttrArgs,
}

/// What an attribute is, with its options.
pub(crate) enum AttrArgs {
    Blocking(Box<BlockingOptions>),
    Request(RequestOptions),
    Session(SessionOptions),
    On(OnOptions),
    State(StateOptions),
    Event(EventOptions),
    Before,
    After,
    Rpc(RpcOptions),
    /// An attribute that can't be used there, which is reported.
    Unusable,
}

/// Removes our attributes from `attrs` and parses them.
pub(crate) fn extract(attrs: &mut Vec<Attribute>, sink: &ErrorSink) -> Vec<Attr> {
    let mut own_attrs = Vec::new();
    attrs.retain(|attr| {
        if let Some(kind) = AttrKind::of(attr.path()) {
            own_attrs.extend(parse(attr, kind, sink));
            return false;
        }
        let Some(name) = cfg_attr_target(attr) else { return true };
        let message = format!(
            "the attributes of this method depend on more `cfg`s than `#[service]` makes cases of: write the method twice, \
             with `#[{name}]` under `#[cfg(..)]` and without it under `#[cfg(not(..))]`"
        );
        sink.error(&name, message);
        own_attrs.push(Attr { name, path: None, args: AttrArgs::Unusable });
        false
    });
    own_attrs
}

/// `request` of a `#[cfg_attr(test, request)]` that [`cfg`] has not resolved.
fn cfg_attr_target(attr: &Attribute) -> Option<Ident> {
    let meta = cfg::inner_meta(attr).filter(|_| attr.path().is_ident("cfg_attr"))?;
    let is_ours = AttrKind::of(meta.path()).is_some();
    meta.path().segments.last().map(|last| last.ident.clone()).filter(|_| is_ours)
}

fn parse(attr: &Attribute, kind: AttrKind, sink: &ErrorSink) -> Option<Attr> {
    let name = attr.path().segments.last()?.ident.clone();
    let tokens = options::of_attribute(attr, kind, sink);
    let args = args(kind, &name, tokens, sink);
    let path = (!AttrKind::is_unambiguous(attr.path())).then(|| attr.path().clone());
    Some(Attr { name, path, args })
}

fn args(kind: AttrKind, name: &Ident, tokens: TokenStream, sink: &ErrorSink) -> AttrArgs {
    match kind {
        AttrKind::Blocking => AttrArgs::Blocking(Box::new(options::parse(tokens, sink))),
        AttrKind::Request => AttrArgs::Request(options::parse(tokens, sink)),
        AttrKind::Session => AttrArgs::Session(options::parse(tokens, sink)),
        AttrKind::On => {
            let sink = sink.child();
            let options: OnOptions = options::parse(tokens, &sink);
            AttrArgs::On(OnOptions { is_invalid: sink.has_errors(), ..options })
        }
        AttrKind::State => AttrArgs::State(options::parse(tokens, sink)),
        AttrKind::Event => AttrArgs::Event(EventOptions::parse(tokens, sink)),
        AttrKind::Before => expect_no_options(AttrArgs::Before, name, tokens, sink),
        AttrKind::After => expect_no_options(AttrArgs::After, name, tokens, sink),
        AttrKind::Rpc => AttrArgs::Rpc(options::parse(tokens, sink)),
        AttrKind::Service | AttrKind::StateEnum | AttrKind::RpcTypes | AttrKind::RpcTrait => {
            sink.error(
                name,
                format!("`#[{name}]` can be used only on an `impl` block: remove it from this method"),
            );
            AttrArgs::Unusable
        }
    }
}

fn expect_no_options(args: AttrArgs, name: &Ident, tokens: TokenStream, sink: &ErrorSink) -> AttrArgs {
    if !tokens.is_empty() {
        sink.error(tokens, format!("`#[{name}]` takes no options: write `#[{name}]`"));
    }
    args
}
