//! What stands in for a function with a mistake: a legal one of the same name and types, so that the mistake
//! is the only error, and editors go on working.
//!
//! The body is kept as it was written, unless it was written for the mistake (`async` on a blocking function,
//! `&mut self`, a misread `self`): under the mended signature it would only cause more errors, so that only editors see it.

use super::{blocking, half};
use crate::model::{Blocking, Function, Loan, Method, Outcome, Receiver, Role, is_of_std, loan};
use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::quote_spanned;
use syn::{Lifetime, Path, ReceiverKind, ReturnType, Safety, Token, Type};

/// The function as it can be compiled.
pub(super) fn mended(method: &Method, alone: bool, krate: &Path) -> Function {
    let mut function = method.function.clone();
    function.sig.constness = None;
    function.sig.safety = Safety::Default;
    function.sig.abi = None;
    function.sig.variadic = None;
    let mut meant_otherwise = !function.misreadings.is_empty();
    match &method.role {
        Role::Blocking(_) => meant_otherwise |= function.sig.asyncness.take().is_some(),
        Role::Handler(_) | Role::Move(_) | Role::Around(_) | Role::Hook(_)
            if function.sig.asyncness.is_none() =>
        {
            function.sig.asyncness = Some(Token![async](function.sig.fn_token.span));
        }
        _ => {}
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
    if function.half.is_some() {
        function.attrs.push(syn::parse_quote!(#[allow(unused)]));
        function.body = todo(function.body.span());
    } else if meant_otherwise {
        function.attrs.push(syn::parse_quote!(#[allow(unused)]));
        let compiled = todo(function.body.span());
        let body = half::either(&compiled.stream(), &function.body.stream(), krate);
        function.body = Group::new(Delimiter::Brace, body);
        function.body.set_span(compiled.span());
    }
    function
}

/// `-> &T` with nothing to borrow from would be a second error: `-> &'static T`.
fn unbind(function: &mut Function) -> bool {
    let lends = !matches!(function.receiver, Receiver::None)
        || function.params.iter().any(|param| loan(&param.written.ty).is_some());
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
    let body = blocking::body(function, blocking, blocking.krate.as_ref().unwrap_or(krate));
    quote_spanned!(Span::mixed_site()=> #offload #[allow(unused)] #body)
}

/// The first of them, without its job: pool and types may be what is mistaken.
pub(super) fn without_job(function: &Function, blocking: &Blocking, krate: &Path) -> TokenStream {
    let krate = blocking.krate.as_ref().unwrap_or(krate);
    let nameless = |ty: &syn::Type| matches!(ty, Type::Never(_)) || matches!(loan(ty), Some(Loan::Opaque(_)));
    // `impl Trait` and `!` can't be repeated in another function's type: there, nothing is known of the result.
    let outcome = match (&blocking.outcome, function.output()) {
        (_, Some(ty)) if nameless(ty) => Outcome::Unit,
        // `flat` on what is none was said.
        (Outcome::Alias(_), Some(ty)) if is_of_std(ty) => Outcome::plain(Some(ty)),
        (Outcome::Plain(_), output) => Outcome::plain(output),
        (written, _) => written.clone(),
    };
    let job = todo(function.body.span()).stream();
    let offload = blocking::offload(function, &blocking.args, &outcome, krate, &job);
    quote_spanned!(Span::mixed_site()=> #[allow(unused)] #offload)
}
