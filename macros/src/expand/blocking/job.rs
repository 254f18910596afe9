//! The statements of the function that starts the job: checks of its types, the pool, the options,
//! and the call of the body in a closure.

use super::{Expansion, body::use_of_free_fn, body_name, copy::nested_name, option_exprs::reading, pattern};
use crate::{
    expand::{
        attrs,
        signature::{self, Forwarded},
        span::at,
        types,
    },
    model::{BodyCallee, BodyCopy, ReturnKind, Shape, first_static},
    parse::DurationArg,
};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Expr, Path};

impl Expansion<'_> {
    /// The statements. The job of a service is a `JobOf` it, which the compiler knows to be `Send`:
    /// if the service isn't, that is reported at the service alone.
    pub(super) fn job(&self, of_service: bool) -> TokenStream {
        let Expansion { function, blocking, krate } = *self;
        let assertions = self.assertions();
        let (copy, parts) = (self.callee_copy(), self.argument_parts());
        let is_copied = matches!(blocking.callee, BodyCallee::Copy(BodyCopy::NestedFn | BodyCopy::Closure));
        let used = (is_copied && !attrs::is_deprecated(function))
            .then(|| use_of_free_fn(&body_name(function), function));
        let pool = self.pool();
        let self_ = signature::self_token(function);
        let this = self_.map(|self_| {
            quote_spanned! {Span::mixed_site()=>
                let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(#self_);
            }
        });
        let label = &blocking.label;
        let deadline = blocking.deadline.as_ref().map(|deadline| self.deadline("deadline", deadline));
        let start_deadline = blocking.start_deadline.as_ref();
        let start_deadline = start_deadline.map(|keyed| self.deadline("start_deadline", &keyed.value));
        let lane = blocking.lane.as_ref().map(|key| {
            let key = borrowed(&reading(key, &blocking.args, krate));
            quote_spanned!(Span::mixed_site()=> .lane(#key))
        });
        let detached = blocking.detached.then(|| quote_spanned!(Span::mixed_site()=> .detached()));
        let run = self.run();
        let of_service = of_service && self_.is_some();
        let this_arg = self_.map(|_| match of_service {
            true => quote_spanned!(Span::mixed_site()=> this,),
            false => quote_spanned!(Span::mixed_site()=> &this,),
        });
        let mut call = self.call_of_body(this_arg);
        if let BodyCallee::Copy(BodyCopy::SharedFn(_)) = blocking.callee {
            let location = first_static(function.body.stream()).map_or(Span::mixed_site(), |name| at(&name));
            call = quote_spanned! {location=>
                { use #krate::__private::InFreeFunction as _; #call.in_free_function() }
            };
        }
        // Errors of the job are reported at the name of the function.
        let site = at(&function.sig.ident);
        let job = quote_spanned!(site=> pool.job(#label) #deadline #start_deadline #lane #detached);
        // The expressions read the arguments before these move into the closure.
        let reads = blocking.lane.is_some() || blocking.deadline_exprs().next().is_some();
        let (prepare, job) = match reads {
            true => (
                Some(quote_spanned!(Span::mixed_site()=> let job = #job;)),
                quote_spanned!(Span::mixed_site()=> job),
            ),
            false => (None, job),
        };
        let start = match of_service {
            true => {
                quote_spanned!(site=> #krate::__private::ServiceJob(#job, this).#run(move |this, worker| #call))
            }
            false => quote_spanned!(site=> #job .#run(move |worker| #call)),
        };
        quote_spanned! {site=>
            #copy
            #used
            #assertions
            #parts
            #pool
            #this
            #prepare
            #start
        }
    }

    /// `Self::blocking_shrink(&this, worker, image)`
    pub(super) fn call_of_body(&self, this: Option<TokenStream>) -> TokenStream {
        let Expansion { function, blocking, .. } = *self;
        let site = Span::mixed_site();
        let turbofish = signature::turbofish(&function.sig);
        let callee = match &blocking.callee {
            BodyCallee::Associated => {
                let name = self.hidden_name().unwrap_or_else(|| body_name(function));
                quote_spanned!(site=> Self::#name #turbofish)
            }
            BodyCallee::Copy(BodyCopy::NestedFn) => {
                let name = nested_name(function);
                quote_spanned!(site=> #name #turbofish)
            }
            BodyCallee::Copy(BodyCopy::Closure | BodyCopy::SharedFn(_)) => quote_spanned!(site=> body),
        };
        let arg = |(index, Forwarded { name, .. }): (usize, Forwarded)| {
            let is_sender = index == 0 && blocking.sender.is_some();
            if is_sender { quote_spanned!(site=> &#name) } else { name.to_token_stream() }
        };
        let args = self.forwarded_args().into_iter().enumerate().map(arg);
        let worker = self.worker();
        quote_spanned!(site=> #callee (#this #worker #(, #args)*))
    }

    /// The worker. If its type has another name than `Worker`, a trait of the runtime checks that
    /// it is one.
    fn worker(&self) -> TokenStream {
        let krate = self.krate;
        match self.blocking.worker.as_ref().map(|param| (param, &param.shape)) {
            Some((param, Shape::Shared(reference))) if !param.is_named("Worker") => {
                let ty = &reference.elem;
                quote_spanned!(at(&param.written.ty)=> <#ty as #krate::__private::IsWorker>::from_worker(worker))
            }
            _ => quote_spanned!(Span::mixed_site()=> worker),
        }
    }

    /// `let (account, _) = &arg0;` for each argument whose pattern has names that the expressions
    /// of the attribute use, and a copy of each name whose type is `Copy`.
    fn argument_parts(&self) -> TokenStream {
        let (site, krate) = (Span::mixed_site(), self.krate);
        let args = self.blocking.args.iter().zip(self.forwarded_args());
        let parts =
            args.filter(|(arg, _)| arg.ident().is_none()).filter_map(|(arg, Forwarded { name, .. })| {
                let named: Vec<_> =
                    arg.bindings().into_iter().filter(|name| self.blocking.names(name)).collect();
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

    /// `let pool: &Pool = &self.cpu;`
    fn pool(&self) -> TokenStream {
        let (site, krate) = (Span::mixed_site(), self.krate);
        let Some(written) = &self.blocking.pool else {
            return quote_spanned!(site=> let pool: &#krate::Pool = #krate::Pool::shared(););
        };
        let written = reading(written, &self.blocking.args, krate);
        let reference = if is_block_like(&written) { written.to_token_stream() } else { borrowed(&written) };
        // The expression may borrow an argument, and the arguments move into the closure.
        let owned = self
            .blocking
            .pool_may_borrow
            .then(|| quote_spanned!(site=> let pool = &::core::clone::Clone::clone(pool);));
        let runs_on = quote_spanned!(at(&written)=> #krate::__private::runs_on);
        quote_spanned!(site=> let pool: &#krate::Pool = #runs_on(#reference); #owned)
    }

    /// `.deadline(Duration::from_secs(2))`, or the same of another method.
    fn deadline(&self, method: &str, deadline: &DurationArg) -> TokenStream {
        let site = Span::mixed_site();
        let method = Ident::new(method, site);
        match deadline {
            DurationArg::Literal(duration) if duration.subsec_millis() == 0 => {
                let seconds = Literal::u64_unsuffixed(duration.as_secs());
                quote_spanned!(site=> .#method(::core::time::Duration::from_secs(#seconds)))
            }
            DurationArg::Literal(duration) => {
                let millis = Literal::u128_unsuffixed(duration.as_millis());
                quote_spanned!(site=> .#method(::core::time::Duration::from_millis(#millis)))
            }
            DurationArg::Expr(expr) => {
                let expr = reading(expr, &self.blocking.args, self.krate);
                quote_spanned!(site=> .#method(#expr))
            }
        }
    }

    /// `run::<_, T>` or `try_run::<_, T, E>`. With the types written, the compiler checks their
    /// bounds where the assertions have checked them, and does not repeat the error.
    fn run(&self) -> TokenStream {
        let site = at(&self.function.sig.ident);
        let ok = types::ok(&self.blocking.return_kind, self.krate);
        match types::err(&self.blocking.return_kind, self.krate) {
            None => quote_spanned!(site=> run::<_, #ok>),
            Some(err) => quote_spanned!(site=> try_run::<_, #ok, #err>),
        }
    }

    /// A check of each type of the job, so that the error is at the type. Each type is checked
    /// once.
    fn assertions(&self) -> TokenStream {
        let mut lines = TokenStream::new();
        let mut checked: Vec<String> = Vec::new();
        let mut assert_send = |ty: &TokenStream| match checked.contains(&ty.to_string()) {
            true => TokenStream::new(),
            false => {
                checked.push(ty.to_string());
                assertion("moves_between_threads", ty, self.krate)
            }
        };
        for arg in &self.blocking.args {
            let ty = arg.written.ty.to_token_stream();
            lines.extend(match arg.is_named("Worker") {
                true => assertion("is_not_a_worker", &ty, self.krate),
                false => assert_send(&ty),
            });
        }
        if let ReturnKind::Unit = self.blocking.return_kind {
            return lines;
        }
        lines.extend(assert_send(&types::ok(&self.blocking.return_kind, self.krate)));
        if let Some(err) = types::err(&self.blocking.return_kind, self.krate) {
            lines.extend(assert_send(&err));
            lines.extend(assertion("is_error_of_a_job", &err, self.krate));
        }
        lines
    }
}

/// `moves_between_threads::<Image>();`, located at the type.
fn assertion(name: &str, ty: &TokenStream, krate: &Path) -> TokenStream {
    let site = at(ty);
    let name = Ident::new(name, site);
    quote_spanned!(site=> #krate::__private::#name::<#ty>();)
}

/// Whether the value is that of a block, whose branches borrow for themselves.
fn is_block_like(written: &Expr) -> bool {
    match written {
        Expr::If(_) | Expr::Match(_) | Expr::Block(_) => true,
        Expr::Paren(paren) => is_block_like(&paren.expr),
        _ => false,
    }
}

/// `&self.cpu`: the user's expression, borrowed, with its own location.
fn borrowed(written: &Expr) -> TokenStream {
    match written {
        Expr::Reference(_) => written.to_token_stream(),
        Expr::Binary(_) | Expr::Cast(_) | Expr::Range(_) | Expr::Assign(_) | Expr::Closure(_) => {
            quote_spanned!(at(written)=> &(#written))
        }
        _ => quote_spanned!(at(written)=> &#written),
    }
}
