//! The item under `#[blocking]`, outside of a `#[service]` block.

use super::{
    attrs::{Attr, AttrArgs},
    function::{Function, RawFn},
    incomplete::parse_incomplete,
    options,
};
use crate::{attributes::AttrKind, report::ErrorSink};
use proc_macro2::{Ident, Span, TokenStream};

/// The function under `#[blocking(options)]`, or one for each case of its `cfg`s.
pub(crate) fn blocking_fn(
    options: &TokenStream,
    item: TokenStream,
    sink: &ErrorSink,
) -> syn::Result<Vec<Function>> {
    let item = options::strip_none_group(item);
    let mut functions = match syn::parse2::<RawFn>(item.clone()) {
        Ok(raw) => {
            // The compiler has removed the `#[blocking]` that called the macro.
            let cases = raw.with_own_attr().cases();
            cases.into_iter().map(|raw| Function::new(raw, sink.child())).collect()
        }
        Err(error) => vec![incomplete(item, sink).ok_or(error)?],
    };
    for function in &mut functions {
        let name = Ident::new(AttrKind::Blocking.name(), Span::call_site());
        let options = options::parse(options.clone(), &function.sink);
        let attr = Attr { name, path: None, args: AttrArgs::Blocking(Box::new(options)) };
        function.own_attrs.insert(0, attr);
    }
    Ok(functions)
}

fn incomplete(item: TokenStream, sink: &ErrorSink) -> Option<Function> {
    let function = parse_incomplete(item, sink)?;
    let incomplete = function.incomplete.as_ref()?;
    (incomplete.name.is_some() && incomplete.is_reported).then_some(function)
}
