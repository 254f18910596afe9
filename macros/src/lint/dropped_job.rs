//! Finds jobs that are cancelled by the statement that starts them.

use crate::{
    model::{Method, Receiver, Role, Service},
    report::{Lint, Warning},
    tokens::{Site, Walk, is_ident, is_punct, walk},
};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;

/// Returns the jobs of the block that a drop of their `Offload` cancels.
pub(super) fn jobs(service: &Service) -> Vec<Ident> {
    let job = |method: &Method| match &method.role {
        Role::Blocking(blocking) => {
            let lends = matches!(method.function.receiver, Receiver::Shared(_) | Receiver::Arc(_));
            let is_job = lends && !blocking.detached && !method.is_conditional();
            is_job.then(|| method.function.sig.ident.clone())
        }
        _ => None,
    };
    service.methods().filter_map(job).collect()
}

/// Finds each `let _ = self.job(..);`, `_ = self.job(..);` and `drop(self.job(..))`.
pub(super) fn find(body: TokenStream, jobs: &[Ident]) -> Vec<Warning> {
    let mut found = Vec::new();
    walk(body, &mut |site| {
        if site.is_foreign() {
            return Walk::Skip;
        }
        match assigned_to_nothing(site, jobs).or_else(|| passed_to_drop(site, jobs)) {
            Some(job) => {
                found.push(Warning { lint: Lint::OffloadDropped, at: job.to_token_stream() });
                Walk::Skip
            }
            None => Walk::Enter,
        }
    });
    found
}

/// Returns the job of `[let] _ = self.job(..)`, given the group of its arguments.
fn assigned_to_nothing(site: &Site<'_>, jobs: &[Ident]) -> Option<Ident> {
    let call = site.self_call().filter(|call| jobs.contains(call.name))?;
    let ends = call.after.first().is_none_or(|tree| is_punct(Some(tree), ';'));
    match call.before {
        [.., nothing, equals] if ends && is_ident(Some(nothing), "_") && is_punct(Some(equals), '=') => {
            Some(call.name.clone())
        }
        _ => None,
    }
}

/// Returns the job of `drop(self.job(..))`, given the group of the arguments of `drop`.
fn passed_to_drop(site: &Site<'_>, jobs: &[Ident]) -> Option<Ident> {
    let drop =
        site.called().filter(|called| called.name == "drop" && !is_punct(called.before.last(), '.'))?;
    let trees: Vec<TokenTree> = drop.arguments.stream().into_iter().collect();
    let last = Site { trees: &trees, at: trees.len().checked_sub(1)?, context: site.context };
    let call = last.self_call().filter(|call| call.before.is_empty() && jobs.contains(call.name))?;
    Some(call.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    #[test]
    fn jobs_that_are_dropped_are_found() {
        let count = |text: &str| find(text.parse().expect(text), &[format_ident!("job")]).len();
        for text in [
            "let _ = self.job(1);",
            "_ = self.job(1);",
            "drop(self.job(1));",
            "std::mem::drop(self.job(1))",
            "if a { let _ = self.job(1); }",
            "let f = || { let _ = self.job(1); };",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "let _ = self.job(1).await;",
            "let _job = self.job(1);",
            "let _ = self.job(1)?;",
            "self.job(1).detach();",
            "let _ = self.other(1);",
            "let _ = this.job(1);",
            "let (_, a) = (self.job(1), 2);",
            "drop(self.job(1).await)",
            "self.list.drop(self.job(1))",
            "quote! { let _ = self.job(1); }",
            "impl X for Y { fn f(&self) { let _ = self.job(1); } }",
            "match a { _ => self.job(1) }",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
