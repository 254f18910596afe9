//! A function as written, in an `impl` block or free.

use super::{
    half::Half,
    marks::{self, Mark, MarkKind},
};
use crate::{names::Word, report::Sink};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::{
    Attribute, Signature, Token, Visibility,
    parse::{Parse, ParseStream},
};

pub(crate) struct Function {
    /// The attributes that are not ours.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
    /// Of a function that can't be read as a whole: its tokens. What can be read of it is in the other fields.
    pub(crate) half: Option<Half>,
    /// Where everything about this function is reported.
    pub(crate) sink: Sink,
}

/// What [`Function::parse`] reads before our attributes are told apart.
pub(super) struct Bare {
    attrs: Vec<Attribute>,
    vis: Visibility,
    sig: Signature,
    body: Group,
}

impl Function {
    pub(super) fn new(bare: Bare, sink: Sink) -> Self {
        let Bare { mut attrs, vis, sig, body } = bare;
        let marks = marks::take(&mut attrs, &sink);
        Function { attrs, marks, vis, sig, body, half: None, sink }
    }

    /// A function that stands alone, under `#[blocking(options)]`.
    pub(crate) fn blocking(options: TokenStream, item: TokenStream, sink: Sink) -> syn::Result<Self> {
        let item = super::without_invisible_group(item);
        let mut function = match syn::parse2::<Bare>(item.clone()) {
            Ok(bare) => Function::new(bare, sink),
            Err(error) => Function::half_blocking(item, &sink).ok_or(error)?,
        };
        let name = Ident::new(Word::Blocking.name(), Span::call_site());
        let options = super::options(options, &function.sink);
        let mark = Mark { name, path: None, kind: MarkKind::Blocking(Box::new(options)) };
        function.marks.insert(0, mark);
        Ok(function)
    }
}

impl Parse for Bare {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        let body = body(input)?;
        Ok(Bare { attrs, vis, sig, body })
    }
}

/// The braces and what is in them, unread. `$body:block` of a `macro_rules` has invisible brackets around
/// them.
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
