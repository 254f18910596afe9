//! Calls of the user's methods from generated code, and the parameters of the functions around
//! them.

use super::{handler, span::at};
use crate::model::{Function, Param};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};

/// `Self::method(self, args)` and `tail`, located at the return type, which is what a mismatch is
/// about.
pub(super) fn call(
    function: &Function,
    args: impl Iterator<Item = TokenStream>,
    tail: &TokenStream,
) -> TokenStream {
    let mut name = handler::name(function);
    name.set_span(at(&name));
    quote_spanned!(at_output(function)=> Self::#name(self #(, #args)*) #tail)
}

/// The span for messages about the result: the return type, or the name of a method without one.
pub(super) fn at_output(function: &Function) -> Span {
    match function.output() {
        Some(ty) => at(ty),
        None => at(&function.sig.ident),
    }
}

/// A local of the expansion as an argument of the user's method, located at the type of the
/// parameter.
pub(super) fn argument(name: &str, param: &Param) -> TokenStream {
    syn::Ident::new(name, at(&param.written.ty)).to_token_stream()
}

/// The name of a generated parameter, with an underscore if it is not used.
pub(super) fn unused(name: &str, unused: bool) -> TokenStream {
    let name = if unused { format!("_{name}") } else { name.to_owned() };
    syn::Ident::new(&name, Span::mixed_site()).to_token_stream()
}
