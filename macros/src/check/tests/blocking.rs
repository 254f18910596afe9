//! `#[blocking]`, and bodies under the sugar.

use super::{alone, says};
use quote::quote;

#[test]
fn blocking_functions_run_on_threads() {
    says(
        quote!(
            #[blocking]
            async fn b(&self) {}
        ),
        &["remove `async`"],
    );
    says(
        quote!(
            #[blocking]
            fn b(&mut self) {}
        ),
        &["must take `&self`"],
    );
    says(
        quote!(
            #[blocking]
            fn b(self) {}
        ),
        &["write `&self`"],
    );
    says(
        quote!(
            #[blocking]
            fn b(&self, a: A, w: &Worker) {}
        ),
        &["the worker must be the first parameter"],
    );
    says(
        quote!(
            #[blocking]
            fn b(&self, w: &mut Worker) {}
        ),
        &["must be a shared reference"],
    );
    says(
        quote!(
            #[blocking]
            fn b(&self, s: &str) {}
        ),
        &["write `String`"],
    );
    says(
        quote!(
            #[blocking]
            fn b<'a>(&self, s: &'a Img) {}
        ),
        &["this argument is a reference"],
    );
    says(
        quote!(
            #[blocking]
            fn b<'a>(&self) {}
        ),
        &["can't have lifetime parameters"],
    );
    says(
        quote!(
            #[blocking]
            fn b(&self, f: impl Fn()) {}
        ),
        &["`impl Trait` isn't supported in this argument"],
    );
    says(
        quote!(
            #[blocking]
            fn b(&self) -> &[u8] {}
        ),
        &["write `Vec<u8>`"],
    );
    says(
        quote!(
            #[blocking(nested, flat)]
            fn b(&self) -> R {}
        ),
        &["can't be used together"],
    );
    says(
        quote!(
            #[blocking(flat)]
            fn b(&self) {}
        ),
        &["remove it"],
    );
    says(
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
fn worlds_are_kept_apart() {
    says(
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
    says(
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
    says(
        quote!(
            #[blocking]
            fn b(&self, w: &Worker, other: &Worker) {}
        ),
        &["has only one worker: remove this parameter"],
    );
    says(
        quote!(
            #[blocking(flat)]
            fn b(&self) -> u64 {}
        ),
        &["requires a `Result` return type"],
    );
    says(
        quote!(
            #[blocking]
            fn b<'a>(&'a self) {}
        ),
        &["can't name the lifetime of `self`"],
    );
}

#[test]
fn misused_selves_recover() {
    says(
        quote!(
            async fn h(&self) {
                let Self { a } = self;
                let b = *self;
                let c = self.clone();
            }
        ),
        &["`= &**self`", "`**self`", "`Arc::clone(self)`"],
    );
    says(
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
