//! Tests of the roles of methods and of their parameters.

use super::*;
use crate::{
    parse::{self, HalfClose, HookEvent, ServiceOptions, Target, target},
    report::ErrorSink,
};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

fn service(methods: TokenStream) -> Service {
    let Target::Block(block) =
        target(ServiceOptions::default(), quote!(impl m::Svc<u8> { #methods }), &ErrorSink::root())
    else {
        panic!("a block")
    };
    Service::new(*block)
}

fn role(method: TokenStream) -> Role {
    let mut service = service(method);
    match service.items.pop() {
        Some(Item::Method(method)) => method.role,
        _ => panic!("a method"),
    }
}

fn handler(method: TokenStream) -> Handler {
    match role(method) {
        Role::Handler(handler) => *handler,
        _ => panic!("a handler"),
    }
}

fn hook(method: TokenStream) -> Hook {
    match role(method) {
        Role::Hook(hook) => *hook,
        _ => panic!("a hook"),
    }
}

fn blocking(method: TokenStream) -> Blocking {
    match role(method) {
        Role::Blocking(blocking) => *blocking,
        _ => panic!("a blocking method"),
    }
}

fn ty(param: Option<&Param>) -> String {
    param.map(|param| param.written.ty.to_token_stream().to_string()).unwrap_or_default()
}

#[test]
fn an_async_fn_that_owns_is_a_helper() {
    for helper in [
        quote!(
            async fn f(&self) {}
        ),
        quote!(
            async fn f(self: &Arc<Self>, a: u8, (b, c): (u8, String)) -> u8 {}
        ),
        quote!(
            async fn f<T>(&self, a: T) -> &'static str {}
        ),
    ] {
        assert!(matches!(role(helper.clone()), Role::Helper), "{helper}");
    }
    for plain in [
        quote!(
            fn f(&self) {}
        ),
        quote!(
            async fn f() {}
        ),
        quote!(
            async fn f(self) {}
        ),
        quote!(
            async fn f(&mut self) {}
        ),
        quote!(
            async fn f<'a>(&'a self) {}
        ),
        quote!(
            async fn f(&self, a: &str) {}
        ),
        quote!(
            async fn f(&self, a: impl Tr) {}
        ),
        quote!(
            async fn f(&self) -> impl Tr {}
        ),
        quote!(
            async fn f(
                &self,
                #[cfg(a)]
                #[cfg(b)]
                #[cfg(c)]
                #[cfg(d)]
                #[cfg(e)]
                a: u8,
            ) {
            }
        ),
        quote!(
            async unsafe fn f(&self) {}
        ),
    ] {
        assert!(matches!(role(plain.clone()), Role::Plain), "{plain}");
    }
}

#[test]
fn reference_kind_and_position_decide() {
    let all = handler(quote!(
        #[request]
        async fn f(&self, a: &A, b: &mut B, C { d }: C) -> D {}
    ));
    assert_eq!((ty(all.peer.as_ref()), ty(all.conn.as_ref())), ("& A".into(), "& mut B".into()));
    assert!(
        matches!(&all.kind, HandlerKind::Request { request: Some(request), .. } if ty(Some(request)) == "C")
    );
    assert_eq!(all.half_close, HalfClose::Cancel, "it takes the peer");

    let one = handler(quote!(
        #[request]
        async fn f(&self, c: C) -> D {}
    ));
    assert!(one.peer.is_none() && one.conn.is_none() && one.unmatched.is_empty());
    assert_eq!(one.half_close, HalfClose::Answer);

    let turned = handler(quote!(
        #[request(half_close = cancel)]
        async fn f(&self, b: &mut B, a: &A, c: C) -> D {}
    ));
    assert_eq!((ty(turned.conn.as_ref()), ty(turned.unmatched.first())), ("& mut B".into(), "& A".into()));
    assert_eq!(turned.half_close, HalfClose::Cancel);

    let session = handler(quote!(
        #[session]
        async fn f(&self, b: &mut B, s: &mut Session<C, D>) {}
    ));
    assert_eq!(ty(session.conn.as_ref()), "& mut B");
    let HandlerKind::Session { session: Some(session) } = &session.kind else { panic!("a session") };
    assert!(matches!(Handler::session_types(session), Some(SessionTypes::Written { .. })));
}

#[test]
fn hooks_take_what_they_need() {
    let disconnect = hook(quote!(
        #[on(disconnect)]
        async fn f(&self, a: &A, b: B, c: C) {}
    ));
    assert_eq!(
        (ty(disconnect.peer.as_ref()), ty(disconnect.conn.as_ref()), ty(disconnect.last.as_ref())),
        ("& A".into(), "B".into(), "C".into())
    );
    let disconnect = hook(quote!(
        #[on(disconnect)]
        async fn f(&self, c: C) {}
    ));
    // No hook makes a value here, and there are no states.
    assert_eq!((ty(disconnect.conn.as_ref()), ty(disconnect.last.as_ref())), (String::new(), "C".into()));
    let failed = hook(quote!(
        #[on(error)]
        async fn f(&self, b: &mut B, e: E) -> F {}
    ));
    assert_eq!((ty(failed.conn.as_ref()), ty(failed.last.as_ref())), ("& mut B".into(), "E".into()));
    let stop = hook(quote!(
        #[on(stop)]
        async fn f(&self, b: B) {}
    ));
    assert_eq!((stop.event, ty(stop.unmatched.first())), (Some(HookEvent::Stop), "B".into()));
}

#[test]
fn the_worker_is_lent_and_comes_first() {
    let first = blocking(quote!(
        #[blocking]
        fn f(&self, w: &portcullis::Worker, a: A) {}
    ));
    assert_eq!((ty(first.worker.as_ref()), first.args.len()), ("& portcullis :: Worker".into(), 1));
    assert!(
        blocking(quote!(
            #[blocking]
            fn f(&self, a: A, w: &Worker) {}
        ))
        .worker
        .is_none()
    );
    let renamed = blocking(quote!(
        #[blocking]
        fn f(&self, t: &Thread, worker: hr::Worker) {}
    ));
    assert_eq!((ty(renamed.worker.as_ref()), renamed.args.len()), ("& Thread".into(), 1));
    for borrowed in
        [quote!(&str), quote!(&[u8]), quote!(&Vec<u8>), quote!(&Path), quote!(&A<B>), quote!(&mut A)]
    {
        assert!(
            blocking(quote!(
                #[blocking]
                fn f(&self, a: #borrowed) {}
            ))
            .worker
            .is_none()
        );
    }
}

#[test]
fn results_are_guessed_by_their_last_name() {
    let return_kind = |method| blocking(method).return_kind;
    assert!(matches!(
        return_kind(quote!(
            #[blocking]
            fn f() {}
        )),
        ReturnKind::Unit
    ));
    assert!(matches!(
        return_kind(quote!(
            #[blocking]
            fn f() -> u8 {}
        )),
        ReturnKind::Plain(_)
    ));
    assert!(matches!(
        return_kind(quote!(
            #[blocking]
            fn f() -> std::result::Result<A, B> {}
        )),
        ReturnKind::Result { .. }
    ));
    assert!(matches!(
        return_kind(quote!(
            #[blocking]
            fn f() -> io::Result<A> {}
        )),
        ReturnKind::ResultAlias(_)
    ));
    assert!(matches!(
        return_kind(quote!(
            #[blocking(nested)]
            fn f() -> Result<A, B> {}
        )),
        ReturnKind::Plain(_)
    ));
    assert!(matches!(
        return_kind(quote!(
            #[blocking(flat)]
            fn f() -> Solved {}
        )),
        ReturnKind::ResultAlias(_)
    ));
}

#[test]
fn a_job_is_called_as_its_function_stands() {
    let label = |method| blocking(method).label;
    assert_eq!(
        label(quote!(
            #[blocking]
            fn r#type(&self) {}
        )),
        "Svc::type"
    );
    let alone = |tokens: TokenStream| {
        let function = parse::blocking_fn(&TokenStream::new(), tokens, &ErrorSink::root())
            .expect("a function")
            .remove(0);
        match Method::new(function, &Placement::Standalone, None).role {
            Role::Blocking(blocking) => (blocking.label.clone(), blocking.callee == BodyCallee::Associated),
            _ => panic!("a blocking function"),
        }
    };
    assert_eq!(
        alone(quote!(
            fn f() {}
        )),
        ("f".into(), false)
    );
    assert_eq!(
        alone(quote!(
            fn f(self: &Arc<Self>) {}
        )),
        ("f".into(), true)
    );
    assert_eq!(
        alone(quote!(
            fn f() -> Self {}
        )),
        ("f".into(), true)
    );
    assert_eq!(
        alone(quote!(
            fn f() {
                impl X {
                    fn g() -> Self {}
                }
            }
        )),
        ("f".into(), false)
    );
}
