//! A function as written, in an `impl` block or free.

use super::{
    cases,
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
    /// Of a function that can't be read as a whole: its tokens. What can be read of it is in the
    /// other fields.
    pub(crate) half: Option<Half>,
    /// Where everything about this function is reported.
    pub(crate) sink: Sink,
}

/// What [`Function::parse`] reads before our attributes are told apart.
#[derive(Clone)]
pub(super) struct Bare {
    /// An attribute of ours is known to stand on it.
    is_ours: bool,
    attrs: Vec<Attribute>,
    vis: Visibility,
    sig: Signature,
    body: Group,
}

impl Function {
    pub(super) fn new(bare: Bare, sink: Sink) -> Self {
        let Bare { is_ours: _, mut attrs, vis, sig, body } = bare;
        let marks = marks::take(&mut attrs, &sink);
        Function { attrs, marks, vis, sig, body, half: None, sink }
    }

    /// A function that stands alone, under `#[blocking(options)]`; or the cases of one.
    pub(crate) fn blocking(options: &TokenStream, item: TokenStream, sink: &Sink) -> syn::Result<Vec<Self>> {
        let item = super::without_invisible_group(item);
        let mut functions = match syn::parse2::<Bare>(item.clone()) {
            Ok(mut bare) => {
                // The one that has brought us here is gone: what a `cfg` says of the others is said
                // of a blocking function.
                bare.is_ours = true;
                bare.cases().into_iter().map(|bare| Function::new(bare, sink.child())).collect()
            }
            Err(error) => vec![Function::half_blocking(item, sink).ok_or(error)?],
        };
        for function in &mut functions {
            let name = Ident::new(Word::Blocking.name(), Span::call_site());
            let options = super::options(options.clone(), &function.sink);
            let mark = Mark { name, path: None, kind: MarkKind::Blocking(Box::new(options)) };
            function.marks.insert(0, mark);
        }
        Ok(functions)
    }
}

impl Bare {
    /// The function, or one for each case that a `cfg` in its signature or around an attribute of
    /// ours makes.
    pub(super) fn cases(mut self) -> Vec<Bare> {
        match cases::of_function(&mut self.attrs, &mut self.sig, self.is_ours) {
            None => vec![self],
            Some(cases) => {
                let case = |(attrs, sig)| Bare { attrs, sig, ..self.clone() };
                cases.into_iter().map(case).collect()
            }
        }
    }
}

impl Parse for Bare {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = input.parse()?;
        let body = body(input)?;
        Ok(Bare { is_ours: false, attrs, vis, sig, body })
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
