//! Rules of `#[blocking]` and of bodies.

use super::{alone, reports};
use quote::quote;

#[test]
fn signatures_of_blocking_functions_are_checked() {
    reports(
        quote!(
            #[blocking]
            async fn b(&self) {}
        ),
        &["remove `async`"],
    );
    reports(
        quote!(
            #[blocking]
            fn b(&mut self) {}
        ),
        &["must take `&self`"],
    );
    reports(
        quote!(
            #[blocking]
            fn b(self) {}
        ),
        &["write `&self`"],
    );
    reports(
        quote!(
            #[blocking]
            fn b(&self, a: A, w: &Worker) {}
        ),
        &["the worker must be the first parameter"],
    );
    reports(
        quote!(
            #[blocking]
            fn b(&self, w: &mut Worker) {}
        ),
        &["must be a shared reference"],
    );
    reports(
        quote!(
            #[blocking]
            fn b(&self, s: &str) {}
        ),
        &["write `String`"],
    );
    reports(
        quote!(
            #[blocking]
            fn b<'a>(&self, s: &'a Img) {}
        ),
        &["this argument is a reference"],
    );
    reports(
        quote!(
            #[blocking]
            fn b<'a>(&self) {}
        ),
        &["can't have lifetime parameters"],
    );
    reports(
        quote!(
            #[blocking]
            fn b(&self, f: impl Fn()) {}
        ),
        &["`impl Trait` isn't supported in this argument"],
    );
    reports(
        quote!(
            #[blocking]
            fn b(&self) -> &[u8] {}
        ),
        &["write `Vec<u8>`"],
    );
    reports(
        quote!(
            #[blocking(nested, flat)]
            fn b(&self) -> R {}
        ),
        &["can't be used together"],
    );
    reports(
        quote!(
            #[blocking(flat)]
            fn b(&self) {}
        ),
        &["remove it"],
    );
    for (deadline, start_deadline, expected) in
        [("1s", "2s", &["has no effect"][..]), ("1s", "1000ms", &["has no effect"]), ("1s", "999ms", &[])]
    {
        reports(
            quote!(
                #[blocking(deadline = #deadline, start_deadline = #start_deadline)]
                fn b(&self) {}
            ),
            expected,
        );
    }
    reports(
        quote!(
            #[blocking(deadline = LIMIT, start_deadline = "2h")]
            fn b(&self) {}
            #[blocking(deadline = "1s", start_deadline = limit())]
            fn c(&self) {}
        ),
        &[],
    );
    reports(
        quote!(
            #[blocking]
            const fn b(
                &self,
                #[cfg(a)]
                #[cfg(b)]
                #[cfg(c)]
                #[cfg(d)]
                #[cfg(e)]
                x: u8,
            ) {
            }
        ),
        &["remove `const`", "more than four are too many"],
    );
    assert_eq!(
        alone(quote!(
            fn b(self: &Arc<Self>) {}
        )),
        [""; 0]
    );
    assert!(
        alone(quote!(
            fn b(&self) {}
        ))
        .iter()
        .all(|message| message.contains("`self: &Arc<Self>`"))
    );
}

#[test]
fn bodies_wait_where_they_run() {
    reports(
        quote!(
            async fn h(&self) {
                self.f(1).wait(worker);
                self.blocking_f(worker, 1);
            }
            #[blocking]
            fn f(&self, n: u8) {}
        ),
        &["write `.await`", "write `f(..).await`"],
    );
    reports(
        quote!(
            #[blocking]
            fn a(&self) {
                self.h().await
            }
            #[blocking]
            fn b(&self, w: &Worker) {
                self.h().await
            }
            #[blocking]
            fn c(&self, _: &Worker) {
                self.h().await
            }
            async fn h(&self) {}
        ),
        &["take `worker: &Worker` as the first parameter", "write `.wait(w)?`", "name the worker"],
    );
    reports(
        quote!(
            #[blocking]
            fn b(&self, w: &Worker, other: &Worker) {}
        ),
        &["has only one worker: remove this parameter"],
    );
    reports(
        quote!(
            #[blocking(flat)]
            fn b(&self) -> u64 {}
        ),
        &["requires a `Result` return type"],
    );
    reports(
        quote!(
            #[blocking]
            fn b<'a>(&'a self) {}
        ),
        &["can't name the lifetime of `self`"],
    );
}

#[test]
fn misuses_of_self_are_reported_once() {
    reports(
        quote!(
            async fn h(&self) {
                let Self { a } = self;
                let b = *self;
                let c = self.clone();
            }
        ),
        &["`= &**self`", "`**self`", "`Arc::clone(self)`"],
    );
    reports(
        quote!(
            async fn h(self: &Arc<Self>) {
                self.clone();
            }
            fn p(&self) {
                self.clone();
            }
        ),
        &[],
    );
}
