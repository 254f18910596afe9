//! Each rule with a block that violates it: the rule's error is the only one.

mod blocking;
mod handlers;
mod hooks;
mod machine;

use crate::{
    model::{Method, Placement, Service},
    parse::{self, Target, target},
    report::ErrorSink,
};
use proc_macro2::TokenStream;
use quote::quote;

fn block(options: TokenStream, methods: TokenStream) -> Vec<String> {
    let sink = ErrorSink::root();
    let options = parse::options(options, &sink);
    let Target::Block(block) = target(options, quote!(impl Svc { #methods }), &sink) else {
        panic!("a block")
    };
    super::service(&Service::new(*block));
    sink.messages()
}

fn alone(function: TokenStream) -> Vec<String> {
    let sink = ErrorSink::root();
    let function = parse::blocking_fn(&TokenStream::new(), function, &sink).expect("a function").remove(0);
    super::method(&Method::new(function, &Placement::Standalone, None), &Placement::Standalone);
    sink.messages()
}

/// Asserts that the block has exactly one error for each of these texts, which contains it.
#[track_caller]
fn reports(methods: TokenStream, parts: &[&str]) {
    let messages = block(TokenStream::new(), methods.clone());
    let fits = messages.len() == parts.len()
        && messages.iter().zip(parts).all(|(message, part)| message.contains(part));
    assert!(fits, "{methods}\n{messages:#?}");
    for message in messages {
        assert!(
            message.starts_with(|c: char| !c.is_uppercase()) && !message.ends_with('.'),
            "style: {message}"
        );
    }
}

#[test]
fn a_correct_block_has_no_errors() {
    reports(
        quote! {
            #[request] async fn r(&self, peer: &Peer<Rsp>, conn: &mut Conn, Req(n): Req) -> Result<Rsp, E> {}
            #[blocking(pool = self.cpu, deadline = "2s")] fn b(&self, w: &Worker, f: Box<dyn Fn(&str) + Send>) -> io::Result<u8> {}
            #[blocking] fn new<T: Send + 'static>(t: T) -> Self {}
            #[on(start)] async fn s(&self, cleanup: &mut Cleanup) -> io::Result<()> {}
            #[on(connect)] async fn c(&self) -> Conn {}
            #[on(error)] async fn e(&self, error: SessionError<E>) -> ControlFlow<Reason, Rsp> {}
            #[on(disconnect)] async fn d(&self, conn: Conn, reason: Reason) {}
            #[on(stop)] async fn p(self: &Arc<Self>) {}
            async fn h(&self, key: &str) {}
            fn build(&mut self) {}
        },
        &[],
    );
}

#[test]
fn a_method_has_one_attribute() {
    reports(
        quote!(
            #[request]
            #[on(stop)]
            async fn r(&self, r: Req) -> Rsp {}
        ),
        &["can't be used on the same method"],
    );
    reports(
        quote!(
            #[blocking]
            #[blocking]
            fn r(&self) {}
        ),
        &["`#[blocking]` is written twice"],
    );
}
