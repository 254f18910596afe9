//! A function as written, in an `impl` block or free.

use super::{
    attrs::{self, Attr, AttrArgs},
    cfg,
    incomplete::IncompleteFn,
};
use crate::{attributes::AttrKind, report::ErrorSink};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
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
    /// Of a function that can't be read as a whole: its tokens. What can be read of it is in the
    /// other fields.
    pub(crate) incomplete: Option<IncompleteFn>,
    /// Where everything about this function is reported.
    pub(crate) sink: ErrorSink,
}

/// What [`Function::parse`] reads before our attributes are told apart.
#[derive(Clone)]
pub(super) struct RawFn {
    /// An attribute of ours is known to stand on it.
    is_ours: bool,
    attrs: Vec<Attribute>,
    vis: Visibility,
    sig: Signature,
    body: Group,
}

impl Function {
    pub(super) fn new(bare: RawFn, sink: ErrorSink) -> Self {
        let RawFn { is_ours: _, mut attrs, vis, sig, body } = bare;
        let own_attrs = attrs::extract(&mut attrs, &sink);
        Function { attrs, own_attrs, vis, sig, body, incomplete: None, sink }
    }

    /// A function that stands alone, under `#[blocking(options)]`; or the cases of one.
    pub(crate) fn blocking(
        options: &TokenStream,
        item: TokenStream,
        sink: &ErrorSink,
    ) -> syn::Result<Vec<Self>> {
        let item = super::strip_none_group(item);
        let mut functions = match syn::parse2::<RawFn>(item.clone()) {
            Ok(mut bare) => {
                // The one that has brought us here is gone: what a `cfg` says of the others is said
                // of a blocking function.
                bare.is_ours = true;
                bare.cases().into_iter().map(|bare| Function::new(bare, sink.child())).collect()
            }
            Err(error) => vec![Function::incomplete_blocking(item, sink).ok_or(error)?],
        };
        for function in &mut functions {
            let name = Ident::new(AttrKind::Blocking.name(), Span::call_site());
            let options = super::options(options.clone(), &function.sink);
            let attr = Attr { name, path: None, kind: AttrArgs::Blocking(Box::new(options)) };
            function.own_attrs.insert(0, attr);
        }
        Ok(functions)
    }
}

impl RawFn {
    /// The function, or one for each case that a `cfg` in its signature or around an attribute of
    /// ours makes.
    pub(super) fn cases(mut self) -> Vec<RawFn> {
        match cfg::cases_of_fn(&mut self.attrs, &mut self.sig, self.is_ours) {
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
        Ok(RawFn { is_ours: false, attrs, vis, sig, body })
    }
}

/// The braces and what is in them, unread. `$body:block` of a `macro_rules` has invisible brackets
/// around them.
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
