//! The code that is written into the user's crate: one file for each thing that is generated.
//!
//! | file | generates |
//! |---|---|
//! | `blocking/` | the two functions of a `#[blocking]` one |
//! | `helper`, `handler` | the methods: helpers get a future that owns its service |
//! | `service`, `machine/`, `rpc/` | `impl Service`, for one handler, a state machine and typed calls |
//! | `connect`, `hooks`, `interceptors`, `describe` | parts of `impl Service` |
//! | `recovery`, `stub` | what takes the place of code with a mistake |
//! | `misplaced` | the message of an attribute that nothing reads |
//! | `warnings` | the uses of deprecated constants that are warnings |
//!
//! The others are helpers. Names of the expansion have the hygiene of `Span::mixed_site()`, so that
//! they can't collide with the user's, and the location of what they stand for.

mod attrs;
mod blocking;
mod call;
mod cfg;
mod connect;
mod describe;
mod handler;
mod helper;
mod hooks;
mod interceptors;
mod machine;
mod misplaced;
mod recovery;
mod rpc;
mod service;
mod service_types;
mod signature;
mod span;
mod stub;
mod types;
mod warnings;

pub(crate) use misplaced::{is_probe, misplaced_attr, not_a_function};
pub(crate) use rpc::of_trait as rpc_trait;

use crate::{
    check,
    model::{Item, Method, Role, Service},
    parse::NotAnImpl,
    report::ErrorSink,
};
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{ImplItem, Path};

/// The block with its items in their order, and after it the impls of `Service`.
pub(crate) fn block(service: &Service) -> TokenStream {
    let krate = types::facade(service.krate.as_ref());
    let is_borrowed = service.borrowed().is_some();
    let items = service.items.iter().map(|item| match item {
        Item::Method(method) if is_borrowed => borrowed_method(method, &krate),
        Item::Method(method) => self::method(method, &krate, Some(service)),
        Item::Other(tokens) => tokens.clone(),
        // Emitted last: see `trailing_items`.
        Item::Unparsed(_) => TokenStream::new(),
    });
    let mut block = service.head.clone();
    let items = items.chain(recovery::trailing_items(service, &krate));
    block.items = vec![ImplItem::Verbatim(items.collect())];
    let block = match block.generics.params.is_empty() {
        true => with_brackets(block.to_token_stream()),
        false => block.to_token_stream(),
    };
    let (states, impls) = match is_borrowed || check::is_elsewhere(service) || !crate::HAS_SERVERS {
        true => Default::default(),
        false => (machine::items(service, &krate), service::impls(service, &krate)),
    };
    let calls = match is_borrowed || !crate::HAS_RPC {
        true => TokenStream::new(),
        false => rpc::items(service, &krate),
    };
    let attributes = recovery::attribute_uses(service, &krate);
    let probes = misplaced::attr_probes(service);
    let deprecated = deprecated_methods(service);
    let levels = attrs::of_block(service);
    let warnings: TokenStream =
        service.methods().filter_map(|method| warnings::trailing(method, &levels, &krate)).collect();
    quote!(#block #warnings #deprecated #states #impls #calls #attributes #probes)
}

/// A function under `#[blocking]` outside of a `#[service]` block.
pub(crate) fn standalone(function: &Method) -> TokenStream {
    let item = method(function, &types::facade(None), None);
    let trailing = recovery::trailing_fn(function, false);
    quote!(#item #trailing)
}

/// `#[service]` on an item that is no inherent `impl` block: the error, the item, and an `impl
/// Service` without content, so that the places that use the service report nothing more.
pub(crate) fn not_a_block(other: &NotAnImpl, item: TokenStream, sink: &ErrorSink) -> TokenStream {
    let stub = stub::of_other(other, &item, &types::facade(None));
    let item = misplaced::not_a_block(other, item, sink);
    quote!(#item #stub)
}

/// The deprecated handlers and hooks, in an `impl` block of their own. If they stood beside
/// generated methods, the compiler would not report which of the block's methods are unused.
fn deprecated_methods(service: &Service) -> Option<TokenStream> {
    let is_called = |method: &&Method| {
        is_called_by_service(&method.role)
            && method.function.incomplete.is_none()
            && service.borrowed().is_none()
    };
    let methods: TokenStream = service
        .methods()
        .filter(is_called)
        .filter_map(|method| handler::deprecated_name(&method.function))
        .collect();
    let (attrs, head) = (attrs::of_block(service), &service.head);
    let (generics, _, where_clause) = head.generics.split_for_impl();
    let ty = &head.self_ty;
    (!methods.is_empty())
        .then(|| quote_spanned!(Span::mixed_site()=> #attrs impl #generics #ty #where_clause { #methods }))
}

/// Whether `impl Service` calls the method.
fn is_called_by_service(role: &Role) -> bool {
    matches!(role, Role::Handler(_) | Role::Transition(_) | Role::Interceptor(_) | Role::Hook(_) | Role::Call)
}

/// `impl<> Thumbnails`. For an unknown type without brackets, the compiler suggests a type
/// parameter in one error and reports each use of the type in another.
fn with_brackets(block: TokenStream) -> TokenStream {
    let mut done = false;
    let tree = |tree: TokenTree| {
        let is_impl = matches!(&tree, TokenTree::Ident(word) if word == "impl");
        let brackets = (is_impl && !done).then(signature::brackets);
        done |= is_impl;
        tree.into_token_stream().into_iter().chain(brackets.into_iter().flatten())
    };
    block.into_iter().flat_map(tree).collect()
}

/// One method of `service`, or a standalone function.
fn method(method: &Method, krate: &Path, service: Option<&Service>) -> TokenStream {
    let generics = service.map(|service| &service.head.generics);
    let has_errors = method.sink.has_errors();
    let changed = match has_errors {
        true => Some(recovery::recovered(method, service.is_none(), krate)),
        // A plain method stays as it is written, and its warnings follow the block.
        false if warnings::is_untouched(method) => None,
        false => warnings::with_warnings(method, krate),
    };
    let function = changed.as_ref().unwrap_or(&method.function);
    if let Some(incomplete) = &function.incomplete {
        return recovery::incomplete_fn(function, &method.role, incomplete, krate, generics);
    }
    match (&method.role, generics) {
        (Role::Blocking(blocking), _) if !has_errors => {
            blocking::items(function, blocking, krate, service.is_some_and(is_service))
        }
        (Role::Blocking(blocking), _) if blocking.has_name_conflict => {
            recovery::offload_without_job(function, blocking, krate)
        }
        (Role::Blocking(blocking), _) => recovery::blocking_pair(function, blocking, krate),
        (Role::Helper, Some(generics)) => helper::items(function, generics, krate),
        (role, _) if is_called_by_service(role) => handler::item(function),
        _ => handler::plain(function),
    }
}

/// Whether the type is a `Service` under every `cfg`, without bounds on type parameters. The
/// compiler then reports at the service what is wrong with the type, and need not repeat it for
/// each job.
fn is_service(service: &Service) -> bool {
    let is_handled = match service.states {
        Some(_) => true,
        None if service.rpc.is_some() => crate::HAS_RPC,
        None => service.handlers().any(|(method, _)| !method.is_conditional()),
    };
    crate::HAS_SERVERS
        && is_handled
        && service.head.generics.type_params().next().is_none()
        && !check::is_elsewhere(service)
}

/// A method of a type that contains a reference, which is reported: without jobs and futures that
/// would own the service.
fn borrowed_method(method: &Method, krate: &Path) -> TokenStream {
    let function = recovery::recovered(method, false, krate);
    if let Some(incomplete) = &function.incomplete {
        return recovery::incomplete_fn(&function, &method.role, incomplete, krate, None);
    }
    match &method.role {
        Role::Blocking(blocking) => recovery::blocking_pair(&function, blocking, krate),
        role if is_called_by_service(role) => handler::item(&function),
        _ => handler::plain(&function),
    }
}
