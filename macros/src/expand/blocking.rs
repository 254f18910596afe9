//! `#[blocking]`: a job at the call, and the body as a plain function.
//!
//! ```text
//! #[blocking(pool = self.cpu, deadline = "2s")]
//! fn shrink(&self, worker: &Worker, image: Image) -> Result<Image, Error> { .. }
//!
//! fn shrink(self: &Arc<Self>, image: Image) -> Offload<Image, Error> {
//!     moves_between_threads::<Image>(); is_error_of_a_job::<Error>();
//!     let pool: &Pool = &self.cpu;
//!     let this: Arc<Self> = Clone::clone(self);
//!     pool.job("Service::shrink").deadline(..).try_run(move |worker| Self::blocking_shrink(&this, worker,
//! image)) } fn blocking_shrink(self: &Arc<Self>, worker: &Worker, image: Image) -> Result<Image, Error> {
//! .. }
//! ```
//!
//! The body stays out of the closure, or two methods that call each other would need each other's
//! `Send`.
//!
//! In a service the job is a `JobOf` the service, which the compiler knows for one that moves
//! between threads: if it does not, that is reported at the service alone.

use super::{
    at, attrs, pattern, reads,
    service::at_output,
    signature::{self, Forwarded},
    types, warnings,
};
use crate::{
    model::{Blocking, BodyCallee, BodyCopy, Function, Param, ReturnKind, Shape, first_static},
    parse::{DurationArg, inner_meta},
    tokens::mentions,
};
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Expr, Path, ReturnType, Visibility, ext::IdentExt};

/// Both functions. `of_service`: whether `Self` is a service in any case.
pub(super) fn items(function: &Function, blocking: &Blocking, krate: &Path, of_service: bool) -> TokenStream {
    let krate = blocking.krate.as_ref().unwrap_or(krate);
    let job = job(function, blocking, krate, of_service);
    let offload = offload(function, forwarded(blocking), &blocking.return_kind, krate, &job);
    let body = match hidden_name(function, blocking) {
        Some(name) => {
            let hidden = hidden(function, blocking, &name, krate);
            let in_front = in_front(function, blocking, &attrs::in_front(function), krate);
            quote!(#hidden #in_front)
        }
        // The same closure as in the job, so that the compiler has the same to say of both, and
        // says it once.
        None if blocking.callee == BodyCallee::Copy(BodyCopy::Closure) => {
            let lints = body_lints(function, blocking.args.len() + 1);
            let attrs = attrs::twin(function, worker_name(blocking).as_ref());
            in_front(function, blocking, &quote!(#attrs #lints), krate)
        }
        None => {
            let body = uses_the_job(function, blocking, &uses_what_is_named(function, blocking));
            self::body(&Function { body, ..function.clone() }, blocking, krate)
        }
    };
    quote!(#offload #body)
}

/// The name of a third function, which has the body: the two others call it. A job can't call the
/// second function of a deprecated method, which is deprecated as well; and a `static` must not be
/// there twice.
fn hidden_name(function: &Function, blocking: &Blocking) -> Option<Ident> {
    match &blocking.callee {
        BodyCallee::Copy(BodyCopy::SharedFn(number)) => {
            let name = function.sig.ident.unraw();
            Some(format_ident!("__{name}_{number}", span = at(&function.sig.ident)))
        }
        BodyCallee::Associated if attrs::is_deprecated(function) => {
            Some(signature::prefixed("__", &function.sig.ident))
        }
        _ => None,
    }
}

/// `fn __shrink(..) { .. }`: the body, for the job to call.
fn hidden(function: &Function, blocking: &Blocking, name: &Ident, krate: &Path) -> TokenStream {
    let mut named = function.clone();
    named.vis = Visibility::Inherited;
    let attrs = attrs::inner(function, worker_name(blocking).as_ref());
    let inputs = body_inputs(&named, blocking.worker.as_ref(), &blocking.args, krate);
    let lints = body_lints(&named, inputs.len());
    let head = signature::head(&function.sig, name, &inputs, &function.sig.output.to_token_stream());
    let block = uses_what_is_named(function, blocking);
    quote_spanned!(Span::mixed_site()=> #attrs #[doc(hidden)] #lints #head #block)
}

/// `fn blocking_shrink(..) { Self::__shrink(..) }`
fn in_front(function: &Function, blocking: &Blocking, attrs: &TokenStream, krate: &Path) -> TokenStream {
    let (vis, docs) = (&function.vis, body_docs(function));
    let worker = quote_spanned!(Span::mixed_site()=> worker: &#krate::Worker);
    let args = forwarded(blocking);
    let inputs: Vec<_> = signature::forwarding_receiver(&function.receiver)
        .into_iter()
        .chain([worker])
        .chain(args.into_iter().map(|arg| arg.declared))
        .collect();
    let name = body_name(function);
    let head = signature::head(&function.sig, &name, &inputs, &function.sig.output.to_token_stream());
    let this = signature::self_token(function).map(|self_| quote_spanned!(Span::mixed_site()=> #self_,));
    let body = match blocking.callee {
        BodyCallee::Copy(BodyCopy::Closure) => copy(function, blocking, krate),
        _ => found(function, blocking, &function.sig.output.to_token_stream(), krate),
    };
    let call = call(function, blocking, this, krate);
    let mut block = Group::new(Delimiter::Brace, quote_spanned!(Span::mixed_site()=> #body #call));
    block.set_span(function.body.span());
    let block = uses_the_job(function, blocking, &block);
    quote_spanned!(Span::mixed_site()=> #docs #attrs #vis #head #block)
}

/// `fn shrink(self: &Arc<Self>, image: Image) -> Offload<Image, Error> { .. }`
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
    let job = signature::as_written(function, job.clone());
    quote_spanned!(Span::mixed_site()=> #attrs #vis #head #job)
}

/// `fn blocking_shrink(self: &Arc<Self>, worker: &Worker, image: Image) -> Result<Image, Error> { .. }`
pub(super) fn body(function: &Function, blocking: &Blocking, krate: &Path) -> TokenStream {
    body_with(function, blocking.worker.as_ref(), &blocking.args, krate)
}

/// The same, with these parameters.
pub(super) fn body_with(
    function: &Function,
    worker: Option<&Param>,
    args: &[Param],
    krate: &Path,
) -> TokenStream {
    let (vis, inputs, docs) =
        (&function.vis, body_inputs(function, worker, args, krate), body_docs(function));
    let name = body_name(function);
    let head = signature::head(&function.sig, &name, &inputs, &function.sig.output.to_token_stream());
    let attrs = attrs::twin(function, name_of(worker).as_ref());
    let lints = body_lints(function, inputs.len());
    let block = &function.body;
    quote_spanned!(Span::mixed_site()=> #docs #attrs #lints #vis #head #block)
}

fn body_docs(function: &Function) -> TokenStream {
    let docs: Vec<_> = function.attrs.iter().filter(|attr| is_doc(attr)).collect();
    let blank = (!docs.is_empty()).then(|| quote!(#[doc = ""]));
    quote! {
        #(#docs)*
        #blank
        #[doc = " Runs on the calling thread: for code that holds a `Worker` already."]
    }
}

/// `self: &Arc<Self>, worker: &Worker, image: Image`
fn body_inputs(
    function: &Function,
    worker: Option<&Param>,
    args: &[Param],
    krate: &Path,
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

/// The name that the worker has in the body.
fn worker_name(blocking: &Blocking) -> Option<Ident> {
    name_of(blocking.worker.as_ref())
}

fn name_of(worker: Option<&Param>) -> Option<Ident> {
    worker.map_or_else(|| Some(format_ident!("_worker")), |it| it.ident().cloned())
}

/// What the job calls, where it can't name the function with the body: see [`BodyCopy`].
///
/// ```text
/// fn __body(_worker: &Worker, path: String) -> Bytes { .. }
/// ```
fn copy(function: &Function, blocking: &Blocking, krate: &Path) -> Option<TokenStream> {
    let BodyCallee::Copy(copy) = &blocking.callee else { return None };
    let copy = match copy {
        BodyCopy::NestedFn => {
            let inputs = body_inputs(function, blocking.worker.as_ref(), &blocking.args, krate);
            let output = function.sig.output.to_token_stream();
            let head = signature::head(&function.sig, &copy_name(function), &inputs, &output);
            let attrs = attrs::inner(function, worker_name(blocking).as_ref());
            let block = uses_what_is_named(function, blocking);
            quote_spanned!(Span::mixed_site()=> #attrs #head #block)
        }
        BodyCopy::Closure => {
            let closure = closure(function, blocking, krate);
            quote_spanned!(Span::mixed_site()=> let body = #closure;)
        }
        BodyCopy::SharedFn(_) => {
            let output = quote_spanned!(Span::mixed_site()=> -> <() as #krate::__private::Stands>::InAnImpl);
            found(function, blocking, &output, krate)?
        }
    };
    Some(copy)
}

/// Items have no hygiene: a name that no body means.
fn copy_name(function: &Function) -> Ident {
    Ident::new("__body", at(&function.sig.ident))
}

/// `|_worker: &Worker, path: String| -> Bytes { .. }`
fn closure(function: &Function, blocking: &Blocking, krate: &Path) -> TokenStream {
    let inputs = body_inputs(function, blocking.worker.as_ref(), &blocking.args, krate);
    let output = match &function.sig.output {
        ReturnType::Default => quote_spanned!(Span::mixed_site()=> -> ()),
        written @ ReturnType::Type(..) => written.to_token_stream(),
    };
    let block = uses_what_is_named(function, blocking);
    quote_spanned!(Span::mixed_site()=> |#(#inputs),*| #output #block)
}

/// The hidden function of a free one, whose name is in the module and comes before those of the
/// function around. What is in an `impl` block has no name there, and one of this `output` is
/// found.
fn found(
    function: &Function,
    blocking: &Blocking,
    output: &TokenStream,
    krate: &Path,
) -> Option<TokenStream> {
    let BodyCallee::Copy(BodyCopy::SharedFn(_)) = blocking.callee else { return None };
    let name = hidden_name(function, blocking)?;
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

/// The arguments by the names that the attribute's expressions know them by.
fn forwarded(blocking: &Blocking) -> Vec<Forwarded> {
    signature::forwarded_as(&blocking.args, |name| blocking.names(name))
}

/// `let (account, _) = &arg0;`: what expressions of the attribute name of a pattern, a copy of it
/// where it is `Copy`.
fn parts(blocking: &Blocking, krate: &Path) -> TokenStream {
    let site = Span::mixed_site();
    let patterns = blocking.args.iter().zip(forwarded(blocking)).filter(|(arg, _)| arg.ident().is_none());
    let parts = patterns.filter_map(|(arg, Forwarded { name, .. })| {
        let named: Vec<_> = arg.bindings().into_iter().filter(|name| blocking.names(name)).collect();
        let pattern = pattern::by_reference(&arg.written.pat, &named);
        (!named.is_empty()).then(|| {
            quote_spanned! {site=>
                let #pattern = &#name;
                #(let #named = #krate::__private::Part(#named).read();)*
            }
        })
    });
    let parts: TokenStream = parts.collect();
    if parts.is_empty() {
        return parts;
    }
    quote_spanned!(site=> use #krate::__private::ByReference as _; #parts)
}

/// Arguments are owned and `self` is there because a job needs it so, whatever the body does with
/// them; and whether its value must be used is for the author of the function to say, not of this
/// one.
fn body_lints(function: &Function, inputs: usize) -> TokenStream {
    let public = !matches!(function.vis, Visibility::Inherited) && function.output().is_some();
    attrs::of_shape(
        function,
        &[("clippy::too_many_arguments", inputs > 7), ("clippy::must_use_candidate", public)],
    )
}

/// The body, after a use of the job: whoever calls the body only has a use for the job as well, and
/// the compiler is not to tell that it is unused. A job that is expected to be unused would be used
/// by its own use of the body.
fn uses_the_job(function: &Function, blocking: &Blocking, body: &Group) -> Group {
    if attrs::expects_dead_code(function) || attrs::is_deprecated(function) {
        return body.clone();
    }
    let name = &function.sig.ident;
    // Of two free functions the compiler tells one by one: the second is none that it takes for
    // written.
    let (used, site) = match &blocking.callee {
        BodyCallee::Associated => {
            let (place, turbofish) = (at_output(function), signature::turbofish(&function.sig));
            let mut name = name.clone();
            name.set_span(at_end(function));
            (quote_spanned!(place=> let _ = Self::#name #turbofish;), function.body.span())
        }
        BodyCallee::Copy(_) => (use_of(name, function), Span::mixed_site().located_at(function.body.span())),
    };
    let mut body = warnings::ahead(&used, body);
    body.set_span(site);
    body
}

/// A use of the free function of this name. In an `impl` block it has no name, and an empty one is
/// found.
fn use_of(name: &Ident, function: &Function) -> TokenStream {
    let mut name = name.clone();
    name.set_span(at_end(function));
    let inner = signature::head(&function.sig, &name, &[], &TokenStream::new());
    let turbofish = signature::turbofish(&function.sig);
    quote_spanned! {at_output(function)=>
        let _ = { #inner {} let _ = #name #turbofish; { use self::*; #name #turbofish } };
    }
}

/// What is wrong with its types is said there, and in the same words once more.
fn at_end(function: &Function) -> Span {
    Span::mixed_site().located_at(signature::end(function))
}

/// The body, which uses what an expression of the attribute names of its arguments.
fn uses_what_is_named(function: &Function, blocking: &Blocking) -> Group {
    let is_used = |name: &&Ident| mentions(function.body.stream(), *name);
    let unused: Vec<_> = blocking
        .args
        .iter()
        .flat_map(Param::bindings)
        .filter(|name| blocking.names(name) && !name.to_string().starts_with('_') && !is_used(name))
        .collect();
    match unused.as_slice() {
        [] => function.body.clone(),
        unused => {
            warnings::ahead(&quote_spanned!(Span::mixed_site()=> #(let _ = &#unused;)*), &function.body)
        }
    }
}

fn is_doc(attr: &Attribute) -> bool {
    inner_meta(attr).is_some_and(|meta| meta.path().is_ident("doc"))
}

fn body_name(function: &Function) -> Ident {
    signature::prefixed("blocking_", &function.sig.ident)
}

/// The statements of the offloading function.
fn job(function: &Function, blocking: &Blocking, krate: &Path, of_service: bool) -> TokenStream {
    let assertions = assertions(blocking, krate);
    let (copy, parts) = (copy(function, blocking, krate), parts(blocking, krate));
    let is_copied = matches!(blocking.callee, BodyCallee::Copy(BodyCopy::NestedFn | BodyCopy::Closure));
    let used = (is_copied && !attrs::is_deprecated(function)).then(|| use_of(&body_name(function), function));
    let pool = pool(blocking, krate);
    let self_ = signature::self_token(function);
    let this = self_.map(|self_| {
        quote_spanned! {Span::mixed_site()=>
            let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(#self_);
        }
    });
    let label = &blocking.label;
    let deadline = blocking.deadline.as_ref().map(|deadline| limit(deadline, &blocking.args, krate));
    let lane = blocking.lane.as_ref().map(|key| {
        let key = reference(&reads::reading(key, &blocking.args, krate));
        quote_spanned!(Span::mixed_site()=> .lane(#key))
    });
    let detached = blocking.detached.then(|| quote_spanned!(Span::mixed_site()=> .detached()));
    let run = run(blocking, krate, at(&function.sig.ident));
    let of_service = of_service && self_.is_some();
    let this_ = self_.map(|_| match of_service {
        true => quote_spanned!(Span::mixed_site()=> this,),
        false => quote_spanned!(Span::mixed_site()=> &this,),
    });
    let mut call = call(function, blocking, this_, krate);
    if let BodyCallee::Copy(BodyCopy::SharedFn(_)) = blocking.callee {
        let place = first_static(function.body.stream()).map_or(Span::mixed_site(), |name| at(&name));
        call = quote_spanned! {place=>
            { use #krate::__private::OfAFreeFunction as _; #call.of_a_free_function() }
        };
    }
    // What is said of the job is said of the function.
    let job = quote_spanned!(at(&function.sig.ident)=> pool.job(#label) #deadline #lane #detached);
    let reads = blocking.lane.is_some() || matches!(blocking.deadline, Some(DurationArg::Expr(_)));
    // What reads the arguments is over before they move.
    let (ahead, job) = match reads {
        true => (
            Some(quote_spanned!(Span::mixed_site()=> let job = #job;)),
            quote_spanned!(Span::mixed_site()=> job),
        ),
        false => (None, job),
    };
    let starts = match of_service {
        true => {
            quote_spanned!(at(&function.sig.ident)=> #krate::__private::JobOf(#job, this).#run(move |this, worker| #call))
        }
        false => quote_spanned!(at(&function.sig.ident)=> #job .#run(move |worker| #call)),
    };
    quote_spanned! {at(&function.sig.ident)=>
        #copy
        #used
        #assertions
        #parts
        #pool
        #this
        #ahead
        #starts
    }
}

/// `Self::blocking_shrink(&this, worker, image)`
fn call(function: &Function, blocking: &Blocking, this: Option<TokenStream>, krate: &Path) -> TokenStream {
    let site = Span::mixed_site();
    let turbofish = signature::turbofish(&function.sig);
    let callee = match &blocking.callee {
        BodyCallee::Associated => {
            let name = hidden_name(function, blocking).unwrap_or_else(|| body_name(function));
            quote_spanned!(site=> Self::#name #turbofish)
        }
        BodyCallee::Copy(BodyCopy::NestedFn) => {
            let name = copy_name(function);
            quote_spanned!(site=> #name #turbofish)
        }
        BodyCallee::Copy(BodyCopy::Closure | BodyCopy::SharedFn(_)) => quote_spanned!(site=> body),
    };
    let args = forwarded(blocking).into_iter().map(|Forwarded { name, .. }| name);
    let worker = worker(blocking, krate);
    quote_spanned!(site=> #callee (#this #worker #(, #args)*))
}

/// The worker; by another name than its own, the compiler sees to it that it is one.
fn worker(blocking: &Blocking, krate: &Path) -> TokenStream {
    let site = Span::mixed_site();
    match blocking.worker.as_ref().map(|param| (param, &param.shape)) {
        Some((param, Shape::Shared(reference))) if !param.is_named("Worker") => {
            let ty = &reference.elem;
            quote_spanned!(at(&param.written.ty)=> <#ty as #krate::__private::IsWorker>::lent(worker))
        }
        _ => quote_spanned!(site=> worker),
    }
}

/// `let pool: &Pool = &self.cpu;`
fn pool(blocking: &Blocking, krate: &Path) -> TokenStream {
    let site = Span::mixed_site();
    let Some(written) = &blocking.pool else {
        return quote_spanned!(site=> let pool: &#krate::Pool = #krate::Pool::shared(););
    };
    let written = reads::reading(written, &blocking.args, krate);
    let reference = if borrows_itself(&written) { written.to_token_stream() } else { reference(&written) };
    let owned = blocking.pool_may_borrow.then(|| {
        // The expression may borrow an argument, and arguments are about to move into the job.
        quote_spanned!(site=> let pool = &::core::clone::Clone::clone(pool);)
    });
    let runs_on = quote_spanned!(at(&written)=> #krate::__private::runs_on);
    quote_spanned!(site=> let pool: &#krate::Pool = #runs_on(#reference); #owned)
}

/// The arms of an `if` or a `match` borrow for themselves.
fn borrows_itself(written: &Expr) -> bool {
    match written {
        Expr::If(_) | Expr::Match(_) | Expr::Block(_) => true,
        Expr::Paren(paren) => borrows_itself(&paren.expr),
        _ => false,
    }
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
fn limit(limit: &DurationArg, args: &[Param], krate: &Path) -> TokenStream {
    let site = Span::mixed_site();
    match limit {
        DurationArg::Literal(duration) if duration.subsec_millis() == 0 => {
            let seconds = Literal::u64_unsuffixed(duration.as_secs());
            quote_spanned!(site=> .deadline(::core::time::Duration::from_secs(#seconds)))
        }
        DurationArg::Literal(duration) => {
            let millis = Literal::u128_unsuffixed(duration.as_millis());
            quote_spanned!(site=> .deadline(::core::time::Duration::from_millis(#millis)))
        }
        DurationArg::Expr(expr) => {
            let expr = reads::reading(expr, args, krate);
            quote_spanned!(site=> .deadline(#expr))
        }
    }
}

/// `run::<_, T>` or `try_run::<_, T, E>`: with the types written, their bounds are looked at where
/// `assertions` has looked already, and what was said there is not said again.
fn run(blocking: &Blocking, krate: &Path, site: Span) -> TokenStream {
    let ok = types::ok(&blocking.return_kind, krate);
    match types::err(&blocking.return_kind, krate) {
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
        quote_spanned!(at(ty)=> #krate::__private::moves_between_threads::<#ty>();)
    };
    let mut lines: TokenStream = blocking
        .args
        .iter()
        .map(|arg| {
            let ty = arg.written.ty.to_token_stream();
            match arg.is_named("Worker") {
                true => quote_spanned!(at(&ty)=> #krate::__private::crosses_as_worker::<#ty>();),
                false => crosses(&ty),
            }
        })
        .collect();
    if let ReturnKind::Unit = blocking.return_kind {
        return lines;
    }
    lines.extend(crosses(&types::ok(&blocking.return_kind, krate)));
    if let Some(err) = types::err(&blocking.return_kind, krate) {
        lines.extend(crosses(&err));
        lines.extend(quote_spanned!(at(&err)=> #krate::__private::is_error_of_a_job::<#err>();));
    }
    lines
}
