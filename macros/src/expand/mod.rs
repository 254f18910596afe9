//! What is written into the user's crate: a file for each thing.
//!
//! Our own locals are spelt with `Span::mixed_site()`, so that they and the user's names never
//! meet; what stands for something of the user's carries its span, so that messages land there.

mod attrs;
mod blocking;
mod cfg;
mod connect;
mod describe;
mod fallback;
mod handler;
mod helper;
mod hooks;
mod incomplete;
mod interceptors;
mod machine;
mod misplaced;
mod pattern;
mod reads;
mod service;
mod service_types;
mod signature;
mod stub;
mod types;
mod warnings;

pub(crate) use misplaced::{is_probe, misplaced_attr, not_a_function};

use crate::{
    check,
    model::{Item, Method, Role, Service},
    parse::NotAnImpl,
    report::ErrorSink,
};
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use std::time::Duration;
use syn::{ImplItem, Path};

/// The block, its items in their order, and behind it the impls of `Service`.
pub(crate) fn block(service: &Service) -> TokenStream {
    let krate = krate(service.krate.as_ref());
    let borrowed = service.borrowed().is_some();
    let items = service.items.iter().map(|item| match item {
        Item::Method(method) if borrowed => unowned(method, &krate),
        Item::Method(method) => self::method(method, &krate, Some(service)),
        Item::Other(tokens) => tokens.clone(),
        Item::Unparsed(_) => TokenStream::new(),
    });
    let mut block = service.head.clone();
    let items = items.chain(incomplete::behind(service, &krate));
    block.items = vec![ImplItem::Verbatim(items.collect())];
    let block = match block.generics.params.is_empty() {
        true => with_brackets(block.to_token_stream()),
        false => block.to_token_stream(),
    };
    let (states, impls) = match borrowed || check::is_elsewhere(service) || !crate::HAS_SERVERS {
        true => Default::default(),
        false => (machine::items(service, &krate), service::impls(service, &krate)),
    };
    let attributes = incomplete::attributes(service, &krate);
    let probes = misplaced::attr_probes(service);
    let in_front = in_front(service);
    let levels = attrs::of_block(service);
    let warnings: TokenStream =
        service.methods().filter_map(|method| warnings::behind(method, &levels, &krate)).collect();
    quote!(#block #warnings #in_front #states #impls #attributes #probes)
}

/// A function with `#[blocking]` outside of `#[service]`.
pub(crate) fn alone(function: &Method) -> TokenStream {
    let item = method(function, &krate(None), None);
    let incomplete = incomplete::alone(function, false);
    quote!(#item #incomplete)
}

/// `#[service]` on something that is no block of methods: the item as it is, what is wrong with it,
/// and what keeps other places from failing because of it.
pub(crate) fn not_a_block(other: &NotAnImpl, item: TokenStream, sink: &ErrorSink) -> TokenStream {
    let stub = stub::of_other(other, &item, &krate(None));
    let item = misplaced::not_a_block(other, item, sink);
    quote!(#item #stub)
}

/// A block of its own for what may be without a use: of none of its methods the compiler tells
/// that, as it would of no method beside one that a macro wrote.
fn in_front(service: &Service) -> Option<TokenStream> {
    let is_called = |method: &&Method| {
        let handles = matches!(
            method.role,
            Role::Handler(_) | Role::Transition(_) | Role::Interceptor(_) | Role::Hook(_)
        );
        handles && method.function.incomplete.is_none() && service.borrowed().is_none()
    };
    let methods: TokenStream = service
        .methods()
        .filter(is_called)
        .filter_map(|method| handler::in_front(&method.function))
        .collect();
    let (attrs, head) = (attrs::of_block(service), &service.head);
    let (generics, _, where_clause) = head.generics.split_for_impl();
    let ty = &head.self_ty;
    (!methods.is_empty())
        .then(|| quote_spanned!(Span::mixed_site()=> #attrs impl #generics #ty #where_clause { #methods }))
}

/// `impl<> Thumbnails`: of a type that it does not know the compiler may say that a type parameter
/// is missing, but not of each place that names it, so that there are two errors. It has no such
/// advice for brackets that nobody wrote.
fn with_brackets(block: TokenStream) -> TokenStream {
    let mut written = false;
    let tree = |tree: TokenTree| {
        let is_impl = matches!(&tree, TokenTree::Ident(word) if word == "impl");
        let here = is_impl && !written;
        written |= is_impl;
        let brackets = here.then(signature::brackets);
        tree.into_token_stream().into_iter().chain(brackets.into_iter().flatten())
    };
    block.into_iter().flat_map(tree).collect()
}

/// One method, as it was written if nothing was said about it; `service` is the block that it is
/// in.
fn method(method: &Method, krate: &Path, service: Option<&Service>) -> TokenStream {
    let block = service.map(|service| &service.head.generics);
    let clean = !method.sink.has_errors();
    let changed = match clean {
        // A plain method is the user's, as it stands: what is said of it stands behind the block.
        true if warnings::is_untouched(method) => None,
        true => warnings::told(method, krate),
        false => Some(fallback::mended(method, block.is_none(), krate)),
    };
    let function = changed.as_ref().unwrap_or(&method.function);
    if let Some(incomplete) = &function.incomplete {
        return incomplete::method(function, &method.role, incomplete, krate, block);
    }
    match (&method.role, block) {
        (Role::Blocking(blocking), _) if clean => {
            blocking::items(function, blocking, krate, service.is_some_and(is_service))
        }
        (Role::Blocking(blocking), _) if blocking.has_name_conflict => {
            fallback::without_job(function, blocking, krate)
        }
        (Role::Blocking(blocking), _) => fallback::offload(function, blocking, krate),
        (Role::Helper, Some(block)) => helper::items(function, block, krate),
        (Role::Handler(_) | Role::Transition(_) | Role::Interceptor(_) | Role::Hook(_), _) => {
            handler::item(function)
        }
        (Role::Helper | Role::Plain | Role::Unusable, _) => handler::plain(function),
    }
}

/// Whether the compiler knows the block's type for a service, whatever the `cfg`s, and asks nothing
/// of type parameters for it.
///
/// What is wrong with such a type is said where it becomes a service, and its jobs need not say it
/// again.
fn is_service(service: &Service) -> bool {
    let is_handled = match service.states {
        Some(_) => true,
        None => service.handlers().any(|(method, _)| method.function.cfgs().next().is_none()),
    };
    crate::HAS_SERVERS
        && is_handled
        && service.head.generics.type_params().next().is_none()
        && !check::is_elsewhere(service)
}

/// A method of a service that can't be owned, and is no service: without what an owner would do.
fn unowned(method: &Method, krate: &Path) -> TokenStream {
    let function = fallback::mended(method, false, krate);
    if let Some(incomplete) = &function.incomplete {
        return incomplete::method(&function, &method.role, incomplete, krate, None);
    }
    match &method.role {
        Role::Blocking(blocking) => fallback::offload(&function, blocking, krate),
        Role::Handler(_) | Role::Transition(_) | Role::Interceptor(_) | Role::Hook(_) => {
            handler::item(&function)
        }
        Role::Helper | Role::Plain | Role::Unusable => handler::plain(&function),
    }
}

/// How expansions name the facade: `::portcullis`, or what `crate = ..` says.
fn krate(written: Option<&Path>) -> Path {
    written.cloned().unwrap_or_else(|| {
        let name = syn::Ident::new("portcullis", Span::mixed_site());
        let mut path = Path::from(name);
        path.leading_colon = Some(syn::Token![::](proc_macro2::Span::mixed_site()));
        path
    })
}

/// `Duration::from_secs(2)`
fn duration(duration: Duration) -> TokenStream {
    if duration.subsec_millis() == 0 {
        let seconds = duration.as_secs();
        return quote!(::core::time::Duration::from_secs(#seconds));
    }
    // What is written is in milliseconds at the least, and fits.
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    quote!(::core::time::Duration::from_millis(#millis))
}

/// Tokens of `span`'s place that resolve as our own.
fn at(tokens: &impl ToTokens) -> proc_macro2::Span {
    let place = syn::spanned::Spanned::span(&tokens.to_token_stream());
    proc_macro2::Span::mixed_site().located_at(place)
}
