//! `.wait(worker)` on the event loop, where there is no worker, and `.await` on a pool thread,
//! where nothing polls.

use super::Misuse;
use crate::tokens::{Called, Walk, is_ident, is_punct, split_commas, walk};
use proc_macro2::{TokenStream, TokenTree};

/// The usual name of a worker. A worker by another name is a name that the compiler doesn't find.
const WORKER: &str = "worker";

/// Finds waits in an `async fn`, if every use of `worker` is an argument of a wait.
pub(super) fn waits(body: TokenStream) -> Vec<Misuse> {
    let mut found = Vec::new();
    let (mut passed, mut all) = (0, 0);
    walk(body, &mut |site| {
        all += usize::from(is_ident(site.tree(), WORKER));
        if let Some(called) = site.called().filter(|_| !site.context.macro_args) {
            let workers = workers_in(&called);
            let misuse = (workers > 0).then(|| wait(&called)).flatten();
            passed += misuse.as_ref().map_or(0, |_| workers);
            found.extend(misuse);
        }
        Walk::Enter
    });
    // Otherwise `worker` may be a variable, for example the parameter of a closure for a pool.
    if passed == all { found } else { Vec::new() }
}

/// Matches `wait(worker)` and `blocking_f(worker, ..)`.
fn wait(called: &Called<'_>) -> Option<Misuse> {
    let name = TokenTree::Ident(called.name.clone());
    if called.name == "wait" {
        let tokens = [name, TokenTree::Group(called.arguments.clone())];
        return Some(Misuse::WaitOnLoop(tokens.into_iter().collect()));
    }
    let own = called.name.to_string().strip_prefix("blocking_")?.to_owned();
    Some(Misuse::BlockingOnLoop { at: name.into(), name: own })
}

/// Returns how many arguments are just `worker`.
fn workers_in(called: &Called<'_>) -> usize {
    let trees: Vec<TokenTree> = called.arguments.stream().into_iter().collect();
    let is_worker = |argument: &&[TokenTree]| matches!(argument, [name] if is_ident(Some(name), WORKER));
    split_commas(&trees).filter(is_worker).count()
}

/// Finds `.await` in a function that isn't `async`, outside `async` blocks.
pub(super) fn awaits(body: TokenStream) -> Vec<Misuse> {
    let mut found = Vec::new();
    walk(body, &mut |site| {
        if site.context.async_code || site.context.macro_args {
            return Walk::Skip;
        }
        match site.tree() {
            Some(tree) if is_ident(Some(tree), "await") && is_punct(site.before().last(), '.') => {
                found.push(Misuse::AwaitOnThread(tree.clone().into()));
            }
            _ => {}
        }
        Walk::Enter
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_on_the_loop() {
        let count = |text: &str| waits(text.parse().expect(text)).len();
        for text in [
            "self.f(1).wait(worker)?",
            "x(|| f.wait(worker))",
            "self.blocking_f(worker, 1)",
            "Self::blocking_f(self, worker)",
            "blocking_(worker)",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        assert_eq!(count("self.blocking_f(worker, g().wait(worker)?)"), 2);
        for text in [
            "pool.run(|worker| f.wait(worker))",
            "let worker = other; f.wait(worker)",
            "child.wait()",
            "barrier.wait(turn)",
            "f.wait(w)",
            "f.wait(&worker)",
            "self.blocking_f(worker.other, 1)",
            "quote!(f.wait(worker))",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }

    #[test]
    fn awaits_on_a_thread() {
        let count = |text: &str| awaits(text.parse().expect(text)).len();
        for text in ["f().await", "g(f().await?)", "async { 1 }; f.await", "if !(f.await) {}"] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "async { f.await }.wait(worker)",
            "async move { f.await }",
            "async fn g(a: A) -> B { f.await }",
            "let g = async |a| f(a).await;",
            "block_on!(f.await)",
            "r#await",
            "self.await_all()",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
