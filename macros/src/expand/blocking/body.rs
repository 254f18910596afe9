//! The function with the body: `blocking_shrink`, or a hidden one that it calls.

use super::{Expansion, body_docs, body_name};
use crate::{
    expand::{attrs, call::at_output, signature, warnings},
    model::{BodyCallee, BodyCopy, Function, Param},
    tokens::mentions,
};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::Visibility;

/// `self: &Arc<Self>, worker: &Worker, image: Image`
pub(super) fn inputs(
    function: &Function,
    worker: Option<&Param>,
    args: &[Param],
    krate: &syn::Path,
) -> Vec<TokenStream> {
    let worker = match worker {
        Some(worker) => worker.written.to_token_stream(),
        None => quote_spanned!(Span::mixed_site()=> _worker: &#krate::Worker),
    };
    signature::receiver(&function.receiver)
        .into_iter()
        .chain([worker])
        .chain(args.iter().map(|arg| arg.written.to_token_stream()))
        .collect()
}

/// The name of this worker in the body.
pub(super) fn worker_name(worker: Option<&Param>) -> Option<Ident> {
    worker.map_or_else(|| Some(format_ident!("_worker")), |it| it.ident().cloned())
}

/// Allows the lints about the shape of the body's function: the job determines that arguments are
/// owned and that there is a `self`, and the author has decided for the other function whether its
/// value must be used.
pub(super) fn lints(function: &Function, inputs: usize) -> TokenStream {
    let is_candidate = !matches!(function.vis, Visibility::Inherited) && function.output().is_some();
    attrs::of_shape(
        function,
        &[("clippy::too_many_arguments", inputs > 7), ("clippy::must_use_candidate", is_candidate)],
    )
}

/// A use of the free function of this name. In an `impl` block there is none, and the empty
/// function is used instead.
pub(super) fn use_of_free_fn(name: &Ident, function: &Function) -> TokenStream {
    let mut name = name.clone();
    name.set_span(at_end(function));
    let empty = signature::head(&function.sig, &name, &[], &TokenStream::new());
    let turbofish = signature::turbofish(&function.sig);
    quote_spanned! {at_output(function)=>
        let _ = { #empty {} let _ = #name #turbofish; { use self::*; #name #turbofish } };
    }
}

/// The end of the signature: the compiler reports errors of the types there, and does not repeat an
/// error with the same text and place.
fn at_end(function: &Function) -> Span {
    Span::mixed_site().located_at(signature::end(function))
}

impl Expansion<'_> {
    /// `fn __shrink(..) { .. }`
    pub(super) fn hidden_body(&self, name: &Ident) -> TokenStream {
        let private = Function { vis: Visibility::Inherited, ..self.function.clone() };
        let attrs = attrs::inner(self.function, self.worker_name().as_ref());
        let inputs = inputs(&private, self.blocking.worker.as_ref(), &self.blocking.body_args(), self.krate);
        let lints = lints(&private, inputs.len());
        let output = self.function.sig.output.to_token_stream();
        let head = signature::head(&self.function.sig, name, &inputs, &output);
        let block = self.with_uses_of_named_args();
        quote_spanned!(Span::mixed_site()=> #attrs #[doc(hidden)] #lints #head #block)
    }

    /// `fn blocking_shrink(..) { Self::__shrink(..) }`
    pub(super) fn forwarding_body(&self, attrs: &TokenStream) -> TokenStream {
        let Expansion { function, blocking, krate } = self;
        let (vis, docs) = (&function.vis, body_docs(function));
        let worker = quote_spanned!(Span::mixed_site()=> worker: &#krate::Worker);
        let args = self.forwarded_args();
        let inputs: Vec<_> = signature::forwarding_receiver(&function.receiver)
            .into_iter()
            .chain([worker])
            .chain(args.into_iter().map(|arg| arg.declared))
            .collect();
        let output = function.sig.output.to_token_stream();
        let head = signature::head(&function.sig, &body_name(function), &inputs, &output);
        let this = signature::self_token(function).map(|self_| quote_spanned!(Span::mixed_site()=> #self_,));
        let callee = match blocking.callee {
            BodyCallee::Copy(BodyCopy::Closure) => self.callee_copy(),
            _ => self.shared_fn(&output),
        };
        let call = self.call_of_body(this);
        let mut block = Group::new(Delimiter::Brace, quote_spanned!(Span::mixed_site()=> #callee #call));
        block.set_span(function.body.span());
        let block = self.with_use_of_job(&block);
        quote_spanned!(Span::mixed_site()=> #docs #attrs #vis #head #block)
    }

    /// The body, after a use of the function that starts the job: code that calls only the body
    /// uses that function too, and the compiler must not report it as unused. A function that is
    /// expected to be unused would be used by its own body.
    pub(super) fn with_use_of_job(&self, body: &Group) -> Group {
        let function = self.function;
        if attrs::expects_dead_code(function) || attrs::is_deprecated(function) {
            return body.clone();
        }
        let name = &function.sig.ident;
        let (used, site) = match &self.blocking.callee {
            BodyCallee::Associated => {
                let (location, turbofish) = (at_output(function), signature::turbofish(&function.sig));
                let mut name = name.clone();
                name.set_span(at_end(function));
                (quote_spanned!(location=> let _ = Self::#name #turbofish;), function.body.span())
            }
            // The compiler reports each unused free function. With this span, the second does not
            // look written by the user.
            BodyCallee::Copy(_) => {
                (use_of_free_fn(name, function), Span::mixed_site().located_at(function.body.span()))
            }
        };
        let mut body = warnings::prepend(&used, body);
        body.set_span(site);
        body
    }

    /// The body with a use of each argument that only an expression of the attribute uses.
    pub(super) fn with_uses_of_named_args(&self) -> Group {
        let body = &self.function.body;
        let is_used = |name: &Ident| mentions(body.stream(), name);
        let unused: Vec<_> = self
            .blocking
            .args
            .iter()
            .flat_map(Param::bindings)
            .filter(|name| self.blocking.names(name) && !name.to_string().starts_with('_') && !is_used(name))
            .collect();
        match unused.as_slice() {
            [] => body.clone(),
            unused => warnings::prepend(&quote_spanned!(Span::mixed_site()=> #(let _ = &#unused;)*), body),
        }
    }
}
