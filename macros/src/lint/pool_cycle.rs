//! Finds cycles of pools whose threads can wait for each other.
//!
//! A waiting thread runs the jobs that its own chain of jobs submits to its pool, so one chain
//! can't deadlock. Two chains can, if all threads of each pool wait for a job that is queued in the
//! other.
//!
//! The lint follows calls in the source: `self.f(..).wait(worker)` of a blocking method, directly
//! or through `async fn`s of the block that await `self.f(..)`.

use crate::{
    model::{Method, Role, Service},
    report::{Lint, Warning},
    tokens::{Walk, method_chain, walk},
};
use proc_macro2::Ident;
use quote::ToTokens;

/// Warns at the call that closes a cycle.
pub(super) fn check(service: &Service) {
    let mut edges: Vec<(String, String)> = Vec::new();
    for method in service.methods() {
        let Role::Blocking(blocking) = &method.role else { continue };
        let from = pool(blocking);
        for (name, called) in calls(service, method, "wait") {
            for to in reached(service, called, &mut Vec::new()) {
                if from == to || edges.contains(&(from.clone(), to.clone())) {
                    continue;
                }
                if leads(&edges, &to, &from, &mut Vec::new()) {
                    method.sink.warn(Warning { lint: Lint::PoolCycle, at: name.to_token_stream() });
                }
                edges.push((from.clone(), to));
            }
        }
    }
}

/// Returns the pool's expression. Equal expressions are the same pool.
fn pool(blocking: &crate::model::Blocking) -> String {
    blocking.pool.as_ref().map(|pool| pool.to_token_stream().to_string()).unwrap_or_default()
}

/// Returns the pools that a call of `method` waits for.
fn reached<'a>(service: &'a Service, method: &'a Method, seen: &mut Vec<&'a Ident>) -> Vec<String> {
    let name = &method.function.sig.ident;
    if seen.contains(&name) {
        return Vec::new();
    }
    seen.push(name);
    match &method.role {
        Role::Blocking(blocking) => vec![pool(blocking)],
        Role::Helper => {
            let called = calls(service, method, "await");
            called.into_iter().flat_map(|(_, method)| reached(service, method, seen)).collect()
        }
        _ => Vec::new(),
    }
}

fn leads(edges: &[(String, String)], from: &str, to: &str, seen: &mut Vec<String>) -> bool {
    if seen.iter().any(|pool| pool == from) {
        return false;
    }
    seen.push(from.to_owned());
    from == to || edges.iter().any(|(start, end)| start == from && leads(edges, end, to, seen))
}

/// Returns each `self.f(..).wait(..)` or `.await` of the body where `f` is a method of the block.
fn calls<'a>(service: &'a Service, method: &Method, how: &str) -> Vec<(Ident, &'a Method)> {
    let mut found = Vec::new();
    walk(method.function.body.stream(), &mut |site| {
        if let Some(call) = site.self_call() {
            let callee = service.methods().find(|method| method.function.sig.ident == *call.name);
            let waits = method_chain(site.trees, site.at).iter().any(|next| next == how);
            found.extend(callee.filter(|_| waits).map(|callee| (call.name.clone(), callee)));
        }
        Walk::Enter
    });
    found
}

#[cfg(test)]
mod tests {
    use crate::{pipeline, report::Lint};
    use proc_macro2::TokenStream;

    /// Returns the number of cycles in a block with these methods.
    fn cycles(methods: &str) -> usize {
        let block: TokenStream = format!("impl S {{ {methods} }}").parse().expect(methods);
        let expanded = pipeline::service(TokenStream::new(), block).to_string();
        expanded.matches(Lint::PoolCycle.name()).count()
    }

    const BACK: &str = "#[blocking(pool = self.b)] fn back(&self, w: &Worker) { self.one().wait(w) } #[blocking(pool = self.a)] fn one(&self) {}";

    #[test]
    fn cycles_are_found() {
        for (there, count) in [
            ("#[blocking(pool = self.a)] fn there(&self, w: &Worker) { self.back().wait(w)?; }", 1),
            (
                "#[blocking(pool = self.a)] fn there(&self, w: &Worker) { self.h().wait(w)?; } async fn h(&self) { self.back().await }",
                1,
            ),
            (
                "#[blocking(pool = self.a)] fn there(&self, w: &Worker) { self.c().wait(w)?; } #[blocking(pool = self.c)] fn c(&self, w: &Worker) { self.back().wait(w)?; }",
                1,
            ),
            // Another pool, the same pool, not waited for, run on this thread.
            ("#[blocking(pool = self.c)] fn there(&self, w: &Worker) { self.back().wait(w)?; }", 0),
            ("#[blocking(pool = self.b)] fn there(&self, w: &Worker) { self.back().wait(w)?; }", 0),
            ("#[blocking(pool = self.a)] fn there(&self, w: &Worker) { w.spawn(self.back()); }", 0),
            ("#[blocking(pool = self.a)] fn there(&self, w: &Worker) { self.blocking_back(w); }", 0),
            (
                "#[blocking(pool = self.a)] fn there(&self, w: &Worker) { self.h().wait(w)?; } async fn h(&self) { self.h().await }",
                0,
            ),
        ] {
            assert_eq!(cycles(&format!("{there} {BACK}")), count, "{there}");
        }
    }
}
