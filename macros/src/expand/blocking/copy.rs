//! What the job of a free function calls. The attribute does not see whether there is an `impl`
//! block around the function, so the job can't name the function with the body: see [`BodyCopy`].

use super::{Expansion, body::inputs};
use crate::{
    expand::{attrs, signature, span::at},
    model::{BodyCallee, BodyCopy, Function},
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ReturnType;

/// The name of the nested function with the body. Items have no hygiene, so no body must use the
/// name.
pub(super) fn nested_name(function: &Function) -> Ident {
    Ident::new("__body", at(&function.sig.ident))
}

impl Expansion<'_> {
    /// The statements that declare what [`call_of_body`](Self::call_of_body) calls; `None` for an
    /// associated function.
    ///
    /// ```text
    /// fn __body(_worker: &Worker, path: String) -> Bytes { .. }
    /// ```
    pub(super) fn callee_copy(&self) -> Option<TokenStream> {
        let Expansion { function, blocking, krate } = self;
        let BodyCallee::Copy(copy) = &blocking.callee else { return None };
        let statements = match copy {
            BodyCopy::NestedFn => {
                let inputs = inputs(function, blocking.worker.as_ref(), &blocking.body_args(), krate);
                let output = function.sig.output.to_token_stream();
                let head = signature::head(&function.sig, &nested_name(function), &inputs, &output);
                let attrs = attrs::inner(function, self.worker_name().as_ref());
                let block = self.with_uses_of_named_args();
                quote_spanned!(Span::mixed_site()=> #attrs #head #block)
            }
            BodyCopy::Closure => {
                let closure = self.closure();
                quote_spanned!(Span::mixed_site()=> let body = #closure;)
            }
            BodyCopy::SharedFn(_) => {
                let output =
                    quote_spanned!(Span::mixed_site()=> -> <() as #krate::__private::Placement>::InImplBlock);
                self.shared_fn(&output)?
            }
        };
        Some(statements)
    }

    /// `|_worker: &Worker, path: String| -> Bytes { .. }`
    fn closure(&self) -> TokenStream {
        let Expansion { function, blocking, krate } = self;
        let inputs = inputs(function, blocking.worker.as_ref(), &blocking.body_args(), krate);
        let output = match &function.sig.output {
            ReturnType::Default => quote_spanned!(Span::mixed_site()=> -> ()),
            written @ ReturnType::Type(..) => written.to_token_stream(),
        };
        let block = self.with_uses_of_named_args();
        quote_spanned!(Span::mixed_site()=> |#(#inputs),*| #output #block)
    }

    /// `body` as the hidden function of a free one: the glob import finds it in the module, before
    /// the nested function of the same name. In an `impl` block it is not in the module, and the
    /// nested one, which returns `output`, is found.
    pub(super) fn shared_fn(&self, output: &TokenStream) -> Option<TokenStream> {
        let Expansion { function, blocking, krate } = self;
        let BodyCallee::Copy(BodyCopy::SharedFn(_)) = blocking.callee else { return None };
        let name = self.hidden_name()?;
        let worker = quote_spanned!(Span::mixed_site()=> _: &#krate::Worker);
        let args = blocking.args.iter().map(|arg| {
            let ty = &arg.written.ty;
            quote_spanned!(Span::mixed_site()=> _: #ty)
        });
        let inputs: Vec<_> = [worker].into_iter().chain(args).collect();
        let head = signature::head(&function.sig, &name, &inputs, output);
        let turbofish = signature::turbofish(&function.sig);
        Some(quote_spanned! {Span::mixed_site()=>
            #head { ::core::unreachable!() }
            let _ = #name #turbofish;
            let body = { use self::*; #name #turbofish };
        })
    }
}
