//! Everything that is written is kept, and each syntax error is reported once.

use super::*;
use crate::report::ErrorSink;
use quote::quote;

fn function(tokens: proc_macro2::TokenStream) -> (Function, Vec<String>) {
    let sink = ErrorSink::root();
    let Target::Block(block) = target(ServiceOptions::default(), quote!(impl S { #tokens }), &sink) else {
        panic!("a block")
    };
    match block.items.into_iter().next() {
        Some(Item::Fn(function)) => (*function, sink.messages()),
        _ => panic!("a function"),
    }
}

fn blocking(brackets: proc_macro2::TokenStream) -> (BlockingOptions, Vec<String>) {
    let sink = ErrorSink::root();
    (options(brackets, &sink), sink.messages())
}

#[test]
fn marks_are_taken_off_and_the_rest_is_kept() {
    let (function, messages) = function(quote! {
        /// Doc.
        #[inline]
        #[blocking(pool = self.cpu, deadline = "1m30s", detached)]
        pub fn f(&self) { not parsed at all ; 1 + }
    });
    assert_eq!(messages, [""; 0]);
    assert_eq!(function.attrs.len(), 2);
    let [Attr { args: AttrArgs::Blocking(options), .. }] = function.own_attrs.as_slice() else {
        panic!("one mark")
    };
    assert!(options.pool.is_some() && options.detached.is_some() && options.flat.is_none());
    let Some(KeyValue { value: DurationArg::Literal(deadline), .. }) = &options.deadline else {
        panic!("a literal")
    };
    assert_eq!(deadline.as_secs(), 90);
}

#[test]
fn each_option_reports_for_itself() {
    let (options, messages) =
        blocking(quote!(pool, dedline = "2s", flat = true, send_result, nested, nested, lane, detached));
    assert_eq!(
        messages,
        [
            "`pool` needs a value: write `pool = self.pool`",
            "unknown option `dedline` of `#[blocking]`: did you mean `deadline`?",
            "`flat` takes no value: write `flat`",
            "`send_result` is an option of `#[request]`, not of `#[blocking]`: expected one of `pool`, `deadline`, \
             `start_deadline`, `lane`, `detached`, `nested`, `flat` or `crate`",
            "`nested` is given twice: remove one of the two",
            "`lane` needs a value: write `lane = key`",
        ]
    );
    assert!(options.detached.is_some(), "options after an error are parsed");
}

#[test]
fn malformed_values_name_the_mend() {
    for (brackets, message) in [
        (quote!(pool =), "the value of `pool` can't be parsed: write `pool = self.pool`"),
        (quote!(pool = , flat), "the value of `pool` can't be parsed: write `pool = self.pool`"),
        (
            quote!(deadline = 2),
            "expected a duration with a unit, such as `\"2s\"`, or an expression of type `Duration`",
        ),
        (quote!(deadline = "2sec"), "`sec` is not a unit of time: write `\"2s\"`"),
        (quote!(pool = self.cpu flat), "expected `,` and the next option"),
        (
            quote!("2s"),
            "expected an option of `#[blocking]`, one of `pool`, `deadline`, `start_deadline`, `lane`, \
             `detached`, `nested`, `flat` or `crate`",
        ),
        (
            quote!(crate = "text"),
            "expected an identifier, found a string: write `crate = text` without quotes",
        ),
    ] {
        assert_eq!(blocking(brackets.clone()).1, [message], "{brackets}");
    }
}

#[test]
fn states_have_their_options() {
    let (function, messages) = function(quote!(
        #[state(start, idle = "30s", max_duration = TWO_MINUTES, half_close = cancel)]
        async fn f(&self) {}
    ));
    assert!(messages.is_empty(), "{messages:?}");
    let [Attr { args: AttrArgs::State(options), .. }] = function.own_attrs.as_slice() else {
        panic!("a state")
    };
    assert!(
        options.start.is_some()
            && matches!(&options.max_duration, Some(KeyValue { value: DurationArg::Expr(_), .. }))
    );
    let Some(KeyValue { value: DurationArg::Literal(idle), .. }) = &options.idle else { panic!("a time") };
    assert_eq!(idle.as_secs(), 30);
}

#[test]
fn a_block_keeps_what_it_does_not_understand() {
    let sink = ErrorSink::root();
    let tokens = quote! {
        impl<T> Svc<T> where T: Send {
            #![allow(unused)]
            const N: u8 = 1;
            fn f(&self) { 1 }
            not an item;
            #[request] async fn g(&self, r: u8 ?? ) -> u8 { 1 }
            mac! { x }
        }
    };
    let Target::Block(block) = target(ServiceOptions::default(), tokens, &sink) else { panic!("a block") };
    let kinds: Vec<_> = block.items.iter().map(|item| matches!(item, Item::Fn(_))).collect();
    assert_eq!(kinds, [false, true, false, true, false]);
    let Some(Item::Fn(broken)) = block.items.get(3) else { panic!("a broken fn") };
    let Some(IncompleteFn { head, tail, .. }) = &broken.incomplete else { panic!("half a function") };
    assert!(!head.to_string().contains("request"), "ours is left out: {head}");
    assert_eq!(tail.to_string().replace(' ', ""), "(&self,r:u8??)->u8{1}");
    assert_eq!((broken.own_attrs.len(), sink.messages().len()), (1, 0), "the compiler says it");
}

#[test]
fn what_is_no_block_is_told_apart() {
    let sink = ErrorSink::root();
    let target = |tokens| target(ServiceOptions::default(), tokens, &sink);
    assert!(matches!(
        target(quote!(
            struct S {
                x: u8,
            }
        )),
        Target::NotAnImpl(_)
    ));
    assert!(matches!(
        target(quote!(
            struct S;
        )),
        Target::NotAnImpl(_)
    ));
    assert!(matches!(target(quote!(impl Tr for S {})), Target::NotAnImpl(_)));
    assert!(matches!(
        target(quote!(
            fn f() {}
        )),
        Target::NotAnImpl(_)
    ));
    assert!(matches!(target(quote!(?)), Target::NotAnImpl(_)));
    assert!(matches!(target(quote!(unsafe impl S {})), Target::Block(_)));
}
