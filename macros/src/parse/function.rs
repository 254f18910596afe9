//! A function in an `impl` block, or a free one: its attributes and its signature. The body stays a
//! group of tokens.

use super::{
    attrs::{self, Attr},
    cfg,
};
use crate::report::ErrorSink;
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::{
    Attribute, Signature, Token, Visibility,
    parse::{Parse, ParseStream},
};

pub(crate) struct Function {
    /// The attributes that are not ours.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) own_attrs: Vec<Attr>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
    /// The tokens of a function that can't be parsed as a whole. The other fields have what can be
    /// parsed of it.
    pub(crate) incomplete: Option<IncompleteFn>,
    /// Everything about this function is reported there.
    pub(crate) sink: ErrorSink,
}

/// The tokens of a function that can't be parsed as a whole, without our attributes.
#[derive(Clone)]
pub(crate) struct IncompleteFn {
    /// The tokens up to `fn`, or all of them if there is no name.
    pub(crate) head: TokenStream,
    pub(crate) name: Option<Ident>,
    /// The tokens after the name.
    pub(crate) tail: TokenStream,
    /// Whether the mistake is reported: by the compiler, if this can't be Rust, or by us. Otherwise
    /// it may be syntax that only a newer compiler can parse.
    pub(crate) is_reported: bool,
}

/// A method of a trait.
pub(super) struct RawTraitFn {
    /// The method with its default body, or an empty one.
    pub(super) raw: RawFn,
    pub(super) default: Option<Group>,
}

/// A function with all of its attributes, as it is parsed.
#[derive(Clone)]
pub(super) struct RawFn {
    /// Whether it had one of our attributes that the compiler has removed.
    has_own_attr: bool,
    attrs: Vec<Attribute>,
    vis: Visibility,
    sig: Signature,
    body: Group,
}

impl Function {
    pub(super) fn new(raw: RawFn, sink: ErrorSink) -> Self {
        let RawFn { has_own_attr: _, mut attrs, vis, sig, body } = raw;
        let own_attrs = attrs::extract(&mut attrs, &sink);
        Function { attrs, own_attrs, vis, sig, body, incomplete: None, sink }
    }
}

impl RawFn {
    pub(super) fn with_own_attr(self) -> Self {
        RawFn { has_own_attr: true, ..self }
    }

    /// The function, or one for each case of the `cfg`s in its signature and around our attributes.
    pub(super) fn cases(mut self) -> Vec<RawFn> {
        match cfg::cases_of_fn(&mut self.attrs, &mut self.sig, self.has_own_attr) {
            None => vec![self],
            Some(cases) => {
                let case = |(attrs, sig)| RawFn { attrs, sig, ..self.clone() };
                cases.into_iter().map(case).collect()
            }
        }
    }
}

impl Parse for RawFn {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        let body = body(input)?;
        Ok(RawFn { has_own_attr: false, attrs, vis, sig, body })
    }
}

impl Parse for RawTraitFn {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig: Signature = input.parse()?;
        let default = match input.parse::<Option<Token![;]>>()? {
            Some(_) => None,
            None => Some(body(input)?),
        };
        let body = default.clone().unwrap_or_else(|| Group::new(Delimiter::Brace, TokenStream::new()));
        Ok(RawTraitFn { raw: RawFn { has_own_attr: false, attrs, vis, sig, body }, default })
    }
}

/// The group of the body. A `$body:block` of `macro_rules` is in a group without delimiters.
fn body(input: ParseStream<'_>) -> syn::Result<Group> {
    if input.peek(Token![;]) {
        return Err(input.error("expected a body in braces"));
    }
    match input.parse()? {
        TokenTree::Group(group) => match group.delimiter() {
            Delimiter::Brace => Ok(group),
            Delimiter::None => syn::parse::Parser::parse2(body, group.stream()),
            _ => Err(syn::Error::new(group.span(), "expected a body in braces")),
        },
        other => Err(syn::Error::new(other.span(), "expected a body in braces")),
    }
}
