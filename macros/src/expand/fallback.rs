//! What stands in for a function with a mistake: a legal one of the same name and types, so that
//! the mistake is the only error, and editors go on working.
//!
//! The body is kept as it was written, unless it was written for the mistake (`async` on a blocking
//! function, `&mut self`, a misread `self`): under the mended signature it would cause more errors.
//! Then the mistake itself stands in the body, in the place of `self`: an expression that has no
//! type, so that the compiler is quiet about all that comes of it, and still sees what the body
//! uses.

use super::{blocking, incomplete, signature};
use crate::model::{
    Blocking, Borrow, Function, Method, Misuse, Param, Receiver, ReturnKind, Role, Shape, find_borrow,
    is_of_std, is_taken_apart,
};
use crate::tokens::find_ident;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{Lifetime, Path, ReceiverKind, ReturnType, Safety, Token, Type};

/// The function as it can be compiled.
pub(super) fn mended(method: &Method, alone: bool, krate: &Path) -> Function {
    let mut function = method.function.clone();
    function.sig.constness = None;
    function.sig.safety = Safety::Default;
    function.sig.abi = None;
    function.sig.variadic = None;
    let mut meant_otherwise = !function.misuses.is_empty();
    match &method.role {
        Role::Blocking(_) => meant_otherwise |= function.sig.asyncness.take().is_some(),
        Role::Handler(_) | Role::Transition(_) | Role::Interceptor(_) | Role::Hook(_)
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
        // Seen alone, a method has the receiver that its neighbours know.
        Receiver::Shared(written) | Receiver::Exclusive(written) if alone => Receiver::Other(written),
        Receiver::Exclusive(written) | Receiver::Other(written) if !alone => {
            meant_otherwise = true;
            shared(written)
        }
        other => other,
    };
    meant_otherwise |= unbind(&mut function);
    if function.incomplete.is_some() {
        function.attrs.push(syn::parse_quote!(#[allow(unused)]));
        function.body = todo(function.body.span());
    } else if meant_otherwise {
        function.attrs.push(syn::parse_quote!(#[allow(unused)]));
        let compiled = in_use(method).unwrap_or_else(|| todo(function.body.span()));
        let body = incomplete::either(&compiled.stream(), &function.body.stream(), krate);
        function.body = Group::new(Delimiter::Brace, body);
        function.body.set_span(compiled.span());
    }
    function
}

/// The body, with the mistake in the place of `self`; none if nothing was said of this method
/// itself.
fn in_use(method: &Method) -> Option<Group> {
    let site = Span::mixed_site();
    let Function { receiver, body, misuses, sig, .. } = &method.function;
    let awaits = || misuses.iter().any(|misuse| matches!(misuse, Misuse::AwaitOnThread(_)));
    let is_async = matches!(method.role, Role::Blocking(_)) && (sig.asyncness.is_some() || awaits());
    let opaque =
        method.function.output().is_some_and(|ty| matches!(find_borrow(ty), Some(Borrow::ImplTrait(_))));
    if is_async && opaque {
        // No closure can return an `impl Trait`.
        return None;
    }
    let mistake = method.sink.take_first()?.to_compile_error();
    let is_waiting =
        |misuse: &Misuse| matches!(misuse, Misuse::WaitOnLoop(_) | Misuse::BlockingOnLoop { .. });
    let missing = misuses.iter().any(is_waiting).then(|| find_ident(body.stream(), "worker")).flatten();
    let worker = missing.map(|worker| quote_spanned!(site=> let #worker = this;));
    // Its type may be the only use of an import.
    let written = match receiver {
        Receiver::Other(syn::Receiver { kind: ReceiverKind::Typed(_, ty), .. }) => {
            Some(quote_spanned!(site=> let _: ::core::option::Option<#ty> = ::core::option::Option::None;))
        }
        _ => None,
    };
    let stated = quote_spanned!(site=> let this = &#mistake; #worker #written);
    let rest = Group::new(Delimiter::Brace, with_this(body.stream()));
    let mut whole = super::warnings::ahead(&stated, &rest);
    if is_async {
        let output = &sig.output;
        let tokens = quote_spanned!(site=> let _ = async move || #output #whole; ::core::unreachable!());
        whole = Group::new(Delimiter::Brace, tokens);
    }
    whole.set_span(site.located_at(body.span()));
    Some(whole)
}

/// `this` for each `self` that is the method's own.
fn with_this(tokens: TokenStream) -> TokenStream {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is_path = |at: usize| matches!(trees.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    let mut foreign = false;
    let tree = |(at, tree): (usize, &TokenTree)| match tree {
        // With a type, so that what the pattern binds has one.
        TokenTree::Ident(word) if word == "self" && is_taken_apart(&trees, at) => {
            let site = Span::mixed_site().located_at(word.span());
            quote_spanned!(site=> &**#word)
        }
        TokenTree::Ident(word) if word == "self" && !(is_path(at + 1) && is_path(at + 2)) => {
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

/// `-> &T` with nothing to borrow from would be a second error: `-> &'static T`.
fn unbind(function: &mut Function) -> bool {
    let lends = !matches!(function.receiver, Receiver::None)
        || function.params.iter().any(|param| find_borrow(&param.written.ty).is_some());
    match &mut function.sig.output {
        ReturnType::Type(_, ty) => match &mut **ty {
            Type::Reference(reference) if reference.lifetime.is_none() && !lends => {
                let site = Span::mixed_site().located_at(reference.and_token.span);
                reference.lifetime = Some(Lifetime::new("'static", site));
                true
            }
            _ => false,
        },
        ReturnType::Default => false,
    }
}

/// `&self`
fn shared(written: syn::Receiver) -> Receiver {
    let and = Token![&](written.self_token.span);
    let kind = ReceiverKind::Reference(and, None, None);
    Receiver::Shared(syn::Receiver { mutability: None, kind, ..written })
}

/// `{ unreachable!() }`
fn todo(place: Span) -> Group {
    let site = Span::mixed_site().located_at(place);
    Group::new(Delimiter::Brace, quote_spanned!(site=> ::core::unreachable!()))
}

/// Both functions of a blocking one.
pub(super) fn offload(function: &Function, blocking: &Blocking, krate: &Path) -> TokenStream {
    let offload = without_job(function, blocking, krate);
    let (worker, args) = lent(blocking);
    let krate = blocking.krate.as_ref().unwrap_or(krate);
    let body = blocking::body_with(function, worker.as_ref(), &args, krate);
    quote_spanned!(Span::mixed_site()=> #offload #[allow(unused)] #body)
}

/// The worker, wherever it stands and however it is taken, and the other parameters: who calls the
/// function is not to hand it one.
fn lent(blocking: &Blocking) -> (Option<Param>, Vec<Param>) {
    let mut args = blocking.args.clone();
    // One by value may be a type of the user's.
    let is_lent = |arg: &Param| !arg.is_owned() && arg.is_named("Worker");
    if blocking.worker.is_some() {
        args.retain(|arg| !is_lent(arg));
        return (blocking.worker.clone(), args);
    }
    let Some(at) = args.iter().position(is_lent) else { return (None, args) };
    let mut worker = args.remove(at);
    let ty = match &worker.shape {
        Shape::Shared(reference) | Shape::Exclusive(reference) => &*reference.elem,
        Shape::Owned => &*worker.written.ty,
    };
    worker.written.ty = Box::new(syn::parse_quote!(&#ty));
    (Some(worker), args)
}

/// The first of them, without its job: pool and types may be what is mistaken.
pub(super) fn without_job(function: &Function, blocking: &Blocking, krate: &Path) -> TokenStream {
    let krate = blocking.krate.as_ref().unwrap_or(krate);
    let nameless = |ty: &syn::Type| {
        matches!(ty, Type::Never(_)) || matches!(find_borrow(ty), Some(Borrow::ImplTrait(_)))
    };
    // `impl Trait` and `!` can't be repeated in another function's type: there, nothing is known of
    // the result.
    let return_kind = match (&blocking.return_kind, function.output()) {
        (_, Some(ty)) if nameless(ty) => ReturnKind::Unit,
        // `flat` on what is none was said.
        (ReturnKind::ResultAlias(_), Some(ty)) if is_of_std(ty) => ReturnKind::plain(Some(ty)),
        (ReturnKind::Plain(_), output) => ReturnKind::plain(output),
        (written, _) => written.clone(),
    };
    let job = todo(function.body.span()).stream();
    let (_, args) = lent(blocking);
    let offload = blocking::offload(function, signature::forwarded(&args), &return_kind, krate, &job);
    quote_spanned!(Span::mixed_site()=> #[allow(unused)] #offload)
}
