//! `#[blocking]`: one function that starts a job, and one that runs the body on the calling thread.
//!
//! ```text
//! #[blocking(pool = self.cpu, deadline = "2s")]
//! fn shrink(&self, worker: &Worker, image: Image) -> Result<Image, Error> { .. }
//!
//! fn shrink(self: &Arc<Self>, image: Image) -> Offload<Image, Error> {
//!     moves_between_threads::<Image>(); is_error_of_a_job::<Error>();
//!     let pool: &Pool = &self.cpu;
//!     let this: Arc<Self> = Clone::clone(self);
//!     pool.job("Service::shrink").deadline(..)
//!         .try_run(move |worker| Self::blocking_shrink(&this, worker, image))
//! }
//! fn blocking_shrink(self: &Arc<Self>, worker: &Worker, image: Image) -> Result<Image, Error> { .. }
//! ```
//!
//! `job` writes the first, `body` the second. If the body were in the closure, two methods that
//! call each other would each need to know first whether the other's future is `Send`. `copy` is
//! for functions without an `impl` block, which the job can't name.

mod body;
mod copy;
mod job;
pub(super) mod option_exprs;
mod pattern;

use super::{
    attrs,
    signature::{self, Forwarded},
    span::at,
    types,
};
use crate::{
    model::{Blocking, BodyCallee, BodyCopy, Function, Param, ReturnKind},
    parse::inner_meta,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Path, ext::IdentExt};

/// A blocking function, and the path of the facade.
struct Expansion<'a> {
    function: &'a Function,
    blocking: &'a Blocking,
    krate: &'a Path,
}

/// Both functions. `of_service` says whether `Self` is a service under every `cfg`.
pub(super) fn items(function: &Function, blocking: &Blocking, krate: &Path, of_service: bool) -> TokenStream {
    let krate = blocking.krate.as_ref().unwrap_or(krate);
    let expansion = Expansion { function, blocking, krate };
    let job = expansion.job(of_service);
    let offload = offload(function, expansion.forwarded_args(), &blocking.return_kind, krate, &job);
    let body = match expansion.hidden_name() {
        Some(name) => {
            let hidden = expansion.hidden_body(&name);
            let forwarding = expansion.forwarding_body(&attrs::forwarding(function));
            quote!(#hidden #forwarding)
        }
        // The job has the same closure, so that the compiler reports its errors once.
        None if blocking.callee == BodyCallee::Copy(BodyCopy::Closure) => {
            let lints = body::lints(function, blocking.args.len() + 1);
            let attrs = attrs::of_body(function, expansion.worker_name().as_ref());
            expansion.forwarding_body(&quote!(#attrs #lints))
        }
        None => {
            let body = expansion.with_use_of_job(&expansion.with_uses_of_named_args());
            body_with(
                &Function { body, ..function.clone() },
                blocking.worker.as_ref(),
                &blocking.body_args(),
                krate,
            )
        }
    };
    quote!(#offload #body)
}

/// `fn shrink(self: &Arc<Self>, image: Image) -> Offload<Image, Error> { job }`
pub(super) fn offload(
    function: &Function,
    args: Vec<Forwarded>,
    return_kind: &ReturnKind,
    krate: &Path,
    job: &TokenStream,
) -> TokenStream {
    let (attrs, vis) = (attrs::outer(&function.attrs), &function.vis);
    let inputs: Vec<_> = signature::forwarding_receiver(&function.receiver)
        .into_iter()
        .chain(args.into_iter().map(|arg| arg.declared))
        .collect();
    let ok = types::ok(return_kind, krate);
    let err = types::err(return_kind, krate).map(|err| quote!(, #err));
    let close = quote_spanned!(signature::end(function)=> >);
    let output = quote_spanned!(Span::mixed_site()=> -> #krate::Offload<#ok #err #close);
    let head = signature::head(&function.sig, &function.sig.ident, &inputs, &output);
    let job = signature::in_body_braces(function, job.clone());
    quote_spanned!(Span::mixed_site()=> #attrs #vis #head #job)
}

/// `fn blocking_shrink(self: &Arc<Self>, worker: &Worker, image: Image) -> Result<Image, Error> { .. }`
/// with this worker and these arguments.
pub(super) fn body_with(
    function: &Function,
    worker: Option<&Param>,
    args: &[Param],
    krate: &Path,
) -> TokenStream {
    let inputs = body::inputs(function, worker, args, krate);
    let (vis, docs) = (&function.vis, body_docs(function));
    let output = function.sig.output.to_token_stream();
    let head = signature::head(&function.sig, &body_name(function), &inputs, &output);
    let attrs = attrs::of_body(function, body::worker_name(worker).as_ref());
    let lints = body::lints(function, inputs.len());
    let block = &function.body;
    quote_spanned!(Span::mixed_site()=> #docs #attrs #lints #vis #head #block)
}

fn body_docs(function: &Function) -> TokenStream {
    let is_doc = |attr: &&Attribute| inner_meta(attr).is_some_and(|meta| meta.path().is_ident("doc"));
    let docs: Vec<_> = function.attrs.iter().filter(is_doc).collect();
    let blank = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    quote! {
        #(#docs)*
        #blank
        #[doc = " Runs on the calling thread: for code that holds a `Worker` already."]
    }
}

/// `blocking_shrink`
fn body_name(function: &Function) -> Ident {
    signature::prefixed("blocking_", &function.sig.ident)
}

impl Expansion<'_> {
    /// The arguments under the names that the expressions of the attribute use.
    fn forwarded_args(&self) -> Vec<Forwarded> {
        signature::forwarded_as(&self.blocking.args, |name| self.blocking.names(name))
    }

    /// The name of the worker in the body.
    fn worker_name(&self) -> Option<Ident> {
        body::worker_name(self.blocking.worker.as_ref())
    }

    /// The name of a third function with the body, which the other two call. A deprecated method
    /// needs one, because its second function is deprecated too, and so does a body with a
    /// `static`, which must not exist twice.
    fn hidden_name(&self) -> Option<Ident> {
        let ident = &self.function.sig.ident;
        match &self.blocking.callee {
            BodyCallee::Copy(BodyCopy::SharedFn(number)) => {
                Some(format_ident!("__{}_{number}", ident.unraw(), span = at(ident)))
            }
            BodyCallee::Associated if attrs::is_deprecated(self.function) => {
                Some(signature::prefixed("__", ident))
            }
            _ => None,
        }
    }
}
