//! `#[blocking]`: a job at the call, and the body as a plain function.
//!
//! ```text
//! #[blocking(on = self.cpu, deadline = "2s")]
//! fn shrink(&self, worker: &Worker, image: Image) -> Result<Image, Error> { .. }
//!
//! fn shrink(self: &Arc<Self>, image: Image) -> Offload<Image, Error> {
//!     crosses::<Image>(); crosses::<Error>(); flattens::<Error>();
//!     let pool: &Pool = &self.cpu;
//!     let this: Arc<Self> = Clone::clone(self);
//!     pool.job("Service::shrink").deadline(..).try_run(move |worker| Self::blocking_shrink(&this, worker,
//! image)) } fn blocking_shrink(self: &Arc<Self>, worker: &Worker, image: Image) -> Result<Image, Error> {
//! .. }
//! ```
//!
//! The body stays out of the closure, or two methods that call each other would need each other's `Send`.

use super::{
    at, attrs,
    signature::{self, Forwarded},
    types,
};
use crate::model::{Blocking, Function, Limit, Outcome, Param};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Path, Visibility};

/// Both functions.
pub(super) fn items(function: &Function, blocking: &Blocking, krate: &Path) -> TokenStream {
    let krate = blocking.krate.as_ref().unwrap_or(krate);
    let job = job(function, blocking, krate);
    let offload = offload(function, &blocking.args, &blocking.outcome, krate, &job);
    let body = body(function, blocking, krate);
    quote!(#offload #body)
}

/// `fn shrink(self: &Arc<Self>, image: Image) -> Offload<Image, Error> { .. }`
pub(super) fn offload(
    function: &Function,
    args: &[Param],
    outcome: &Outcome,
    krate: &Path,
    job: &TokenStream,
) -> TokenStream {
    let (attrs, vis) = (attrs::outer(&function.attrs), &function.vis);
    let args = signature::forwarded(args);
    let inputs: Vec<_> = signature::forwarding_receiver(&function.receiver)
        .into_iter()
        .chain(args.into_iter().map(|arg| arg.declared))
        .collect();
    let ok = types::ok(outcome, krate);
    let err = types::err(outcome, krate).map(|err| quote!(, #err));
    let output = quote_spanned!(Span::mixed_site()=> -> #krate::Offload<#ok #err>);
    let head = signature::head(&function.sig, &function.sig.ident, &inputs, &output);
    // Whoever only calls `blocking_f` uses the function, too.
    quote_spanned!(Span::mixed_site()=> #attrs #[allow(dead_code)] #vis #head { #job })
}

/// `fn blocking_shrink(self: &Arc<Self>, worker: &Worker, image: Image) -> Result<Image, Error> { .. }`
pub(super) fn body(function: &Function, blocking: &Blocking, krate: &Path) -> TokenStream {
    let vis = &function.vis;
    let worker = match &blocking.worker {
        Some(worker) => worker.written.to_token_stream(),
        None => quote_spanned!(Span::mixed_site()=> _worker: &#krate::Worker),
    };
    let inputs: Vec<_> = signature::receiver(&function.receiver)
        .into_iter()
        .chain([worker])
        .chain(blocking.args.iter().map(|arg| arg.written.to_token_stream()))
        .collect();
    let name = body_name(function);
    let head = signature::head(&function.sig, &name, &inputs, &function.sig.output.to_token_stream());
    let (docs, attrs): (Vec<_>, Vec<_>) = function.attrs.iter().partition(|attr| attr.path().is_ident("doc"));
    let blank = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    let lints = body_lints(function, inputs.len());
    let block = &function.body;
    quote_spanned! {Span::mixed_site()=>
        #(#docs)*
        #blank
        #[doc = " Runs on the calling thread: for code that holds a `Worker` already."]
        #(#attrs)*
        #lints
        #vis #head #block
    }
}

/// Arguments are owned and `self` is there because a job needs it so, whatever the body does with them; and whether its value must
/// be used is for the author of the function to say, not of this one.
fn body_lints(function: &Function, inputs: usize) -> TokenStream {
    let many = (inputs > 7).then(|| quote!(, clippy::too_many_arguments));
    let public = !matches!(function.vis, Visibility::Inherited) && function.output().is_some();
    let must = public.then(|| quote!(, clippy::must_use_candidate));
    quote!(#[allow(clippy::needless_pass_by_value, clippy::unused_self #many #must)])
}

fn body_name(function: &Function) -> Ident {
    signature::prefixed("blocking_", &function.sig.ident)
}

/// The statements of the offloading function.
fn job(function: &Function, blocking: &Blocking, krate: &Path) -> TokenStream {
    let assertions = assertions(blocking, krate);
    let pool = pool(blocking, krate);
    let self_ = signature::self_token(function);
    let this = self_.map(|self_| {
        quote_spanned! {Span::mixed_site()=>
            let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(#self_);
        }
    });
    let label = &blocking.label;
    let deadline = blocking.deadline.as_ref().map(limit);
    let lane =
        blocking.lane.as_ref().map(reference).map(|key| quote_spanned!(Span::mixed_site()=> .lane(#key)));
    let detached = blocking.detached.then(|| quote_spanned!(Span::mixed_site()=> .detached()));
    let run = run(blocking, krate, at(&function.sig.ident));
    let call = call(function, blocking);
    // What is said of the job is said of the function.
    let job = quote_spanned!(at(&function.sig.ident)=> pool.job(#label) #deadline #lane #detached);
    quote_spanned! {at(&function.sig.ident)=>
        #assertions
        #pool
        #this
        #job .#run(move |worker| #call)
    }
}

/// `Self::blocking_shrink(&this, worker, image)`
fn call(function: &Function, blocking: &Blocking) -> TokenStream {
    let name = body_name(function);
    let host = blocking.in_impl.then(|| quote_spanned!(Span::mixed_site()=> Self::));
    let this = signature::self_token(function).map(|_| quote_spanned!(Span::mixed_site()=> &this,));
    let turbofish = signature::turbofish(&function.sig);
    let args = signature::forwarded(&blocking.args).into_iter().map(|Forwarded { name, .. }| name);
    quote_spanned!(Span::mixed_site()=> #host #name #turbofish (#this worker #(, #args)*))
}

/// `let pool: &Pool = &self.cpu;`
fn pool(blocking: &Blocking, krate: &Path) -> TokenStream {
    let site = Span::mixed_site();
    let Some(written) = &blocking.pool else {
        return quote_spanned!(site=> let pool: &#krate::Pool = #krate::Pool::shared(););
    };
    let reference = match written {
        // Their arms borrow for themselves.
        Expr::If(_) | Expr::Match(_) | Expr::Block(_) => written.to_token_stream(),
        _ => reference(written),
    };
    let owned = blocking.pool_may_borrow.then(|| {
        // The expression may borrow an argument, and arguments are about to move into the job.
        quote_spanned!(site=> let pool = &::core::clone::Clone::clone(pool);)
    });
    quote_spanned!(site=> let pool: &#krate::Pool = #reference; #owned)
}

/// `&self.cpu`: the user's expression, borrowed, with its own span.
fn reference(written: &Expr) -> TokenStream {
    match written {
        Expr::Reference(_) => written.to_token_stream(),
        Expr::Binary(_) | Expr::Cast(_) | Expr::Range(_) | Expr::Assign(_) | Expr::Closure(_) => {
            quote_spanned!(at(written)=> &(#written))
        }
        _ => quote_spanned!(at(written)=> &#written),
    }
}

/// `.deadline(Duration::from_secs(2))`
fn limit(limit: &Limit) -> TokenStream {
    let site = Span::mixed_site();
    match limit {
        Limit::Literal(duration) if duration.subsec_millis() == 0 => {
            let seconds = Literal::u64_unsuffixed(duration.as_secs());
            quote_spanned!(site=> .deadline(::core::time::Duration::from_secs(#seconds)))
        }
        Limit::Literal(duration) => {
            let millis = Literal::u128_unsuffixed(duration.as_millis());
            quote_spanned!(site=> .deadline(::core::time::Duration::from_millis(#millis)))
        }
        Limit::Expr(expr) => quote_spanned!(site=> .deadline(#expr)),
    }
}

/// `run::<_, T>` or `try_run::<_, T, E>`: with the types written, their bounds are looked at where
/// `assertions` has looked already, and what was said there is not said again.
fn run(blocking: &Blocking, krate: &Path, site: Span) -> TokenStream {
    let ok = types::ok(&blocking.outcome, krate);
    match types::err(&blocking.outcome, krate) {
        None => quote_spanned!(site=> run::<_, #ok>),
        Some(err) => quote_spanned!(site=> try_run::<_, #ok, #err>),
    }
}

/// What the types must be, said at the types: one line for each.
fn assertions(blocking: &Blocking, krate: &Path) -> TokenStream {
    let mut said: Vec<String> = Vec::new();
    let mut crosses = |ty: &TokenStream| {
        let tokens = ty.to_string();
        if said.contains(&tokens) {
            return TokenStream::new();
        }
        said.push(tokens);
        quote_spanned!(at(ty)=> #krate::__private::crosses::<#ty>();)
    };
    let mut lines: TokenStream =
        blocking.args.iter().map(|arg| crosses(&arg.written.ty.to_token_stream())).collect();
    if let Outcome::Unit = blocking.outcome {
        return lines;
    }
    lines.extend(crosses(&types::ok(&blocking.outcome, krate)));
    if let Some(err) = types::err(&blocking.outcome, krate) {
        lines.extend(crosses(&err));
        lines.extend(quote_spanned!(at(&err)=> #krate::__private::flattens::<#err>();));
    }
    lines
}
