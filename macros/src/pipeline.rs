//! Runs the stages in their order: parse, model, check, lint, expand. Each stage reads the result
//! of the one before. The errors of all stages go to one [`ErrorSink`] and are emitted as
//! `compile_error!`s after the expansion.

use crate::{
    attributes::AttrKind,
    check, expand, lint,
    model::{CallTrait, Method, Placement, Service},
    parse::{self, Target},
    report::ErrorSink,
    tokens::is_ident,
};
use proc_macro2::TokenStream;
use quote::quote;

/// `#[service(options)] item`
pub(crate) fn service(options: TokenStream, item: TokenStream) -> TokenStream {
    match parse::cases_of_block(&item) {
        Some(cases) => cases.into_iter().map(|item| one_service(options.clone(), item)).collect(),
        None => one_service(options, item),
    }
}

fn one_service(options: TokenStream, item: TokenStream) -> TokenStream {
    let sink = ErrorSink::root();
    let options = parse::options(options, &sink);
    let item = match parse::target(options, item.clone(), &sink) {
        Target::Block(block) => {
            let service = Service::new(*block);
            check::service(&service);
            lint::service(&service);
            expand::block(&service)
        }
        Target::NotAnImpl(other) => expand::not_a_block(&other, item, &sink),
    };
    let mistakes = sink.into_compile_errors();
    quote!(#item #mistakes)
}

/// `#[blocking(options)] item`, outside `#[service]`
pub(crate) fn blocking(options: TokenStream, item: TokenStream) -> TokenStream {
    if expand::is_probe(&item) {
        return TokenStream::new();
    }
    let sink = ErrorSink::root();
    let one = |function| {
        let method = Method::new(function, &Placement::Standalone, None);
        check::method(&method, &Placement::Standalone);
        lint::method(&method);
        expand::standalone(&method)
    };
    let item = match parse::blocking_fn(&options, item.clone(), &sink) {
        Ok(functions) => functions.into_iter().map(one).collect(),
        Err(_) => expand::not_a_function(item, &sink),
    };
    let mistakes = sink.into_compile_errors();
    quote!(#item #mistakes)
}

/// `#[rpc(options)] item`, outside of a `#[service]` block.
pub(crate) fn rpc(options: TokenStream, item: TokenStream) -> TokenStream {
    let sink = ErrorSink::root();
    let options = parse::options(options, &sink);
    let Some(written) = parse::rpc_trait(options, item.clone(), &sink) else {
        let is_trait = item.clone().into_iter().any(|tree| is_ident(Some(&tree), "trait"));
        return match is_trait {
            true => item, // The compiler has reported it.
            false => expand::misplaced_attr(AttrKind::Rpc, item),
        };
    };
    let written = CallTrait::new(written);
    check::rpc_trait(&written);
    let item = expand::rpc_trait(&written);
    let mistakes = sink.into_compile_errors();
    quote!(#item #mistakes)
}
