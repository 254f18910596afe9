//! What is expanded for a method with a mistake, or one that is being typed.
//!
//! A mistake is one error. Callers, and the other methods of the block, must not report it again,
//! and editors must go on completing names. Therefore:
//!
//! - The method keeps its name and types. Qualifiers, receiver and lifetimes that nothing generated
//!   could call are replaced.
//! - The body stays, unless it was written for the mistake and would cause more errors. Then the
//!   `compile_error!` takes the place of `self` in it: it has no type, so the compiler is silent
//!   about all that follows from it, and still sees what the body uses.
//! - An incomplete function, which the compiler has reported, is replaced by one that compiles.
//!   Editors, which read on after a syntax error, get the tokens as they are typed.

use super::{blocking, handler, helper, misplaced, signature, span::at, warnings};
use crate::{
    model::{
        Blocking, Borrow, Function, Item, Method, Misuse, Param, Receiver, ReturnKind, Role, Service, Shape,
        find_borrow, is_of_std, is_taken_apart, sized_form,
    },
    parse::{IncompleteFn, is_terminated},
    tokens::{find_ident, is_ident, is_punct},
};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Generics, Lifetime, Path, ReceiverKind, ReturnType, Safety, Token, Type};

/// The function in a form that compiles. `standalone` functions are not in a `#[service]` block.
pub(super) fn recovered(method: &Method, standalone: bool, krate: &Path) -> Function {
    let mut function = method.function.clone();
    function.sig.constness = None;
    function.sig.safety = Safety::Default;
    function.sig.abi = None;
    function.sig.variadic = None;
    let mut fits_mistake = !function.misuses.is_empty();
    match &method.role {
        Role::Blocking(_) => fits_mistake |= function.sig.asyncness.take().is_some(),
        Role::Handler(_) | Role::Transition(_) | Role::Interceptor(_) | Role::Hook(_) | Role::Call
            if function.sig.asyncness.is_none() =>
        {
            function.sig.asyncness = Some(Token![async](function.sig.fn_token.span));
        }
        _ => {}
    }
    if let Role::Handler(handler) = &method.role {
        if handler.shared_session(&method.function).is_some() {
            let last = function.params.last_mut();
            if let Some(Type::Reference(reference)) = last.map(|param| &mut *param.written.ty) {
                reference.mutability = Some(Token![mut](reference.and_token.span));
            }
        }
    }
    function.receiver = match function.receiver {
        // Methods around a standalone function call it with the receiver that is written.
        Receiver::Shared(written) | Receiver::Exclusive(written) if standalone => Receiver::Other(written),
        Receiver::Exclusive(written) | Receiver::Other(written) if !standalone => {
            fits_mistake = true;
            shared_self(written)
        }
        other => other,
    };
    fits_mistake |= make_static(&mut function);
    function.params.iter_mut().for_each(|param| make_sized(&mut param.written.ty));
    if let ReturnType::Type(_, ty) = &mut function.sig.output {
        make_sized(ty);
    }
    if function.incomplete.is_some() {
        function.attrs.push(syn::parse_quote!(#[allow(unused)]));
        function.body = unreachable_body(function.body.span());
    } else if fits_mistake {
        function.attrs.push(syn::parse_quote!(#[allow(unused)]));
        let compiled = body_with_error(method).unwrap_or_else(|| unreachable_body(function.body.span()));
        let body = compiler_or_ide(&compiled.stream(), &function.body.stream(), krate);
        function.body = Group::new(Delimiter::Brace, body);
        function.body.set_span(compiled.span());
    }
    function
}

/// The body with the method's error in the place of `self`; `None` if the method itself has none.
fn body_with_error(method: &Method) -> Option<Group> {
    let site = Span::mixed_site();
    let Function { receiver, body, misuses, sig, .. } = &method.function;
    let awaits = || misuses.iter().any(|misuse| matches!(misuse, Misuse::AwaitOnThread(_)));
    let is_async = matches!(method.role, Role::Blocking(_)) && (sig.asyncness.is_some() || awaits());
    let output = method.function.output();
    let is_opaque = output.is_some_and(|ty| matches!(find_borrow(ty), Some(Borrow::ImplTrait(_))));
    if is_async && is_opaque {
        // A closure can't return an `impl Trait`.
        return None;
    }
    let error = method.sink.take_first()?.to_compile_error();
    let is_waiting =
        |misuse: &Misuse| matches!(misuse, Misuse::WaitOnLoop(_) | Misuse::BlockingOnLoop { .. });
    let missing = misuses.iter().any(is_waiting).then(|| find_ident(body.stream(), "worker")).flatten();
    let worker = missing.map(|worker| quote_spanned!(site=> let #worker = this;));
    // The type of the receiver may be the only use of an import.
    let receiver_type = match receiver {
        Receiver::Other(syn::Receiver { kind: ReceiverKind::Typed(_, ty), .. }) => {
            Some(quote_spanned!(site=> let _: ::core::option::Option<#ty> = ::core::option::Option::None;))
        }
        _ => None,
    };
    let first = quote_spanned!(site=> let this = &#error; #worker #receiver_type);
    let with_this = Group::new(Delimiter::Brace, with_this(body.stream()));
    let mut whole = warnings::prepend(&first, &with_this);
    if is_async {
        let output = &sig.output;
        let tokens = quote_spanned!(site=> let _ = async move || #output #whole; ::core::unreachable!());
        whole = Group::new(Delimiter::Brace, tokens);
    }
    whole.set_span(site.located_at(body.span()));
    Some(whole)
}

/// The tokens with `this` for each `self` that is the method's own.
fn with_this(tokens: TokenStream) -> TokenStream {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is_path = |at: usize| is_punct(trees.get(at), ':') && is_punct(trees.get(at + 1), ':');
    let mut foreign = false;
    let tree = |(at, tree): (usize, &TokenTree)| match tree {
        // With a type, so that the names in the pattern have types.
        TokenTree::Ident(word) if word == "self" && is_taken_apart(&trees, at) => {
            let site = Span::mixed_site().located_at(word.span());
            quote_spanned!(site=> &**#word)
        }
        TokenTree::Ident(word) if word == "self" && !is_path(at + 1) => {
            Ident::new("this", Span::mixed_site().located_at(word.span())).into_token_stream()
        }
        TokenTree::Ident(word) => {
            foreign |= word == "impl" || word == "trait";
            tree.to_token_stream()
        }
        TokenTree::Group(group) if foreign => {
            foreign = group.delimiter() != Delimiter::Brace;
            tree.to_token_stream()
        }
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), with_this(group.stream()));
            inner.set_span(group.span());
            inner.into_token_stream()
        }
        other => other.to_token_stream(),
    };
    trees.iter().enumerate().flat_map(tree).collect()
}

/// Replaces a type without a size, which is reported, by the type that owns such a value.
fn make_sized(ty: &mut Type) {
    if let Some(sized) = sized_form(ty) {
        *ty = sized;
    }
}

/// Makes `-> &T` with nothing to borrow from `-> &'static T`: it would be a second error.
fn make_static(function: &mut Function) -> bool {
    let borrows = !matches!(function.receiver, Receiver::None)
        || function.params.iter().any(|param| find_borrow(&param.written.ty).is_some());
    match &mut function.sig.output {
        ReturnType::Type(_, ty) => match &mut **ty {
            Type::Reference(reference) if reference.lifetime.is_none() && !borrows => {
                let site = Span::mixed_site().located_at(reference.and_token.span);
                reference.lifetime = Some(Lifetime::new("'static", site));
                true
            }
            _ => false,
        },
        ReturnType::Default => false,
    }
}

/// `&self` in the place of this receiver.
fn shared_self(written: syn::Receiver) -> Receiver {
    let and = Token![&](written.self_token.span);
    let kind = ReceiverKind::Reference(and, None, None);
    Receiver::Shared(syn::Receiver { mutability: None, kind, ..written })
}

/// `{ unreachable!() }`
fn unreachable_body(location: Span) -> Group {
    let site = Span::mixed_site().located_at(location);
    Group::new(Delimiter::Brace, quote_spanned!(site=> ::core::unreachable!()))
}

/// Both functions of a blocking method with a mistake.
pub(super) fn blocking_pair(function: &Function, blocking: &Blocking, krate: &Path) -> TokenStream {
    let offload = offload_without_job(function, blocking, krate);
    let (worker, args) = worker_and_args(blocking);
    let krate = blocking.krate.as_ref().unwrap_or(krate);
    let body = blocking::body_with(function, worker.as_ref(), &args, krate);
    quote_spanned!(Span::mixed_site()=> #offload #[allow(unused)] #body)
}

/// The worker, wherever it stands and however it is written, and the other parameters. Callers of
/// the function pass no worker.
fn worker_and_args(blocking: &Blocking) -> (Option<Param>, Vec<Param>) {
    let mut args = blocking.args.clone();
    args.iter_mut().for_each(|arg| make_sized(&mut arg.written.ty));
    // A `Worker` by value may be a type of the user's.
    let is_worker = |arg: &Param| !arg.is_owned() && arg.is_named("Worker");
    if blocking.worker.is_some() {
        args.retain(|arg| !is_worker(arg));
        return (blocking.worker.clone(), args);
    }
    let Some(at) = args.iter().position(is_worker) else { return (None, args) };
    let mut worker = args.remove(at);
    let ty = match &worker.shape {
        Shape::Shared(reference) | Shape::Exclusive(reference) => &*reference.elem,
        Shape::Owned => &*worker.written.ty,
    };
    worker.written.ty = Box::new(syn::parse_quote!(&#ty));
    (Some(worker), args)
}

/// The function that returns the `Offload`, without a job: the mistake may be in the pool or the
/// types.
pub(super) fn offload_without_job(function: &Function, blocking: &Blocking, krate: &Path) -> TokenStream {
    let krate = blocking.krate.as_ref().unwrap_or(krate);
    // `impl Trait` and `!` can't be repeated in the type of another function.
    let is_nameless =
        |ty: &Type| matches!(ty, Type::Never(_)) || matches!(find_borrow(ty), Some(Borrow::ImplTrait(_)));
    let return_kind = match (&blocking.return_kind, function.output()) {
        (_, Some(ty)) if is_nameless(ty) => ReturnKind::Unit,
        // `flat` on a type that is no `Result` is reported.
        (ReturnKind::ResultAlias(_), Some(ty)) if is_of_std(ty) => ReturnKind::plain(Some(ty)),
        (ReturnKind::Plain(_), output) => ReturnKind::plain(output),
        (other, _) => other.clone(),
    };
    let job = unreachable_body(function.body.span()).stream();
    let (_, args) = worker_and_args(blocking);
    let offload = blocking::offload(function, signature::forwarded(&args), &return_kind, krate, &job);
    quote_spanned!(Span::mixed_site()=> #[allow(unused)] #offload)
}

/// `compiled` for the compiler, `typed` for editors.
fn compiler_or_ide(compiled: &TokenStream, typed: &TokenStream, krate: &Path) -> TokenStream {
    quote_spanned!(Span::mixed_site()=> #krate::__private::for_editors! { { #compiled } { #typed } })
}

/// A function that is incomplete. If it may be Rust that only the compiler can parse, its tokens
/// come from [`trailing_items`].
pub(super) fn incomplete_fn(
    function: &Function,
    role: &Role,
    incomplete: &IncompleteFn,
    krate: &Path,
    block: Option<&Generics>,
) -> TokenStream {
    if incomplete.name.is_none() {
        return match incomplete.is_reported {
            true => compiler_or_ide(&TokenStream::new(), &incomplete.head, krate),
            false => TokenStream::new(),
        };
    }
    let offload = match role {
        Role::Blocking(blocking) => offload_without_job(function, blocking, krate),
        _ => TokenStream::new(),
    };
    if !incomplete.is_reported {
        return offload;
    }
    let compiled = match (role, block) {
        (Role::Blocking(blocking), _) => blocking_pair(function, blocking, krate),
        (Role::Helper, Some(block)) => helper::items(function, block, krate),
        _ => handler::plain(function),
    };
    let typed = typed_tokens(function, role, incomplete, block.is_some());
    compiler_or_ide(&compiled, &quote!(#offload #typed), krate)
}

/// Uses of our attributes, which the expansion removes from the methods: editors show their docs.
pub(super) fn attribute_uses(service: &Service, krate: &Path) -> Option<TokenStream> {
    let names: Vec<_> = service.methods().flat_map(|method| &method.own_attrs).collect();
    let uses = quote_spanned!(Span::mixed_site()=> const _: () = { #(use #krate::#names as _;)* };);
    (!names.is_empty()).then(|| compiler_or_ide(&TokenStream::new(), &uses, krate))
}

/// The items that only the compiler can judge. It reads a block up to the first syntax error, so
/// they come last.
pub(super) fn trailing_items<'a>(
    service: &'a Service,
    krate: &'a Path,
) -> impl Iterator<Item = TokenStream> + 'a {
    service.items.iter().map(|item| match item {
        Item::Unparsed(tokens) => unparsed(&misplaced::strip_attrs(tokens.clone()), krate),
        Item::Method(method) => trailing_fn(method, true),
        Item::Other(_) => TokenStream::new(),
    })
}

/// Tokens that can't be parsed. If they are being typed, the compiler has reported them.
pub(super) fn unparsed(tokens: &TokenStream, krate: &Path) -> TokenStream {
    match is_terminated(tokens) {
        true => tokens.clone(),
        false => compiler_or_ide(&TokenStream::new(), tokens, krate),
    }
}

/// The function, if only the compiler can judge it.
pub(super) fn trailing_fn(method: &Method, in_service: bool) -> TokenStream {
    match &method.function.incomplete {
        Some(incomplete) if !incomplete.is_reported => {
            typed_tokens(&method.function, &method.role, incomplete, in_service)
        }
        _ => TokenStream::new(),
    }
}

/// The tokens as they are typed. A blocking function has the name of its body, and a method of a
/// service the receiver that the others have.
fn typed_tokens(
    function: &Function,
    role: &Role,
    incomplete: &IncompleteFn,
    in_service: bool,
) -> TokenStream {
    let IncompleteFn { head, name, tail, .. } = incomplete;
    let is_blocking = matches!(role, Role::Blocking(_));
    let name = name.as_ref().map(|name| match is_blocking {
        true => signature::prefixed("blocking_", name),
        false => name.clone(),
    });
    let rewrites_receiver = in_service && (is_blocking || function.sig.asyncness.is_some());
    let tail = if rewrites_receiver { with_arc_receiver(tail) } else { tail.clone() };
    quote!(#head #name #tail)
}

/// `(&self, ..)` as `(self: &Arc<Self>, ..)`.
fn with_arc_receiver(tail: &TokenStream) -> TokenStream {
    let mut done = false;
    let tree = |tree| match tree {
        TokenTree::Group(group) if !done && group.delimiter() == Delimiter::Parenthesis => {
            done = true;
            let mut inner = Group::new(Delimiter::Parenthesis, arc_receiver(group.stream()));
            inner.set_span(group.span());
            TokenTree::Group(inner)
        }
        other => other,
    };
    tail.clone().into_iter().map(tree).collect()
}

fn arc_receiver(inputs: TokenStream) -> TokenStream {
    let trees: Vec<TokenTree> = inputs.clone().into_iter().collect();
    match trees.as_slice() {
        [and, self_, tail @ ..]
            if is_punct(Some(and), '&')
                && is_ident(Some(self_), "self")
                && tail.first().is_none_or(|tree| is_punct(Some(tree), ',')) =>
        {
            let receiver = quote_spanned!(at(and)=> #self_: &::std::sync::Arc<Self>);
            quote!(#receiver #(#tail)*)
        }
        _ => inputs,
    }
}
