//! A body that returns the future of a method of the block where its value is meant: `self.f(..)`
//! at its end, as the first of a pair, or in `Ok(..)`.
//!
//! The compiler reports a type that does not fit: "expected `u64`, found `Offload<u64>`". It
//! suggests `.await` only if the output of the future is the expected type, and the output of a job
//! is a `Result`.

use crate::{
    model::{Function, ReturnKind, Role, function::last_segment, is_of_std},
    tokens::is_ident,
};
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Block, Expr, Stmt, parse::Parser};

/// Whether the method can't return a future. Handlers never can; for another method, the type
/// decides.
pub(super) fn returns_value(role: &Role, function: &Function) -> bool {
    // Reported at the type.
    if function.output().and_then(last_segment).is_some_and(|last| last == "Offload") {
        return false;
    }
    match role {
        Role::Handler(_) | Role::Transition(_) | Role::Interceptor(_) => true,
        _ => ReturnKind::of(function.output()).ok().is_some_and(is_of_std),
    }
}

/// The names of the methods whose calls are the value of the body, or the response in it.
pub(super) fn calls(role: &Role, body: TokenStream) -> Vec<Ident> {
    let mut reader = Reader { pairs: matches!(role, Role::Transition(_)), found: Vec::new() };
    if let Ok(stmts) = Block::parse_within.parse2(body) {
        reader.tail(&stmts);
    }
    reader.found
}

struct Reader {
    /// The body returns a response and a state.
    pairs: bool,
    found: Vec<Ident>,
}

impl Reader {
    fn tail(&mut self, stmts: &[Stmt]) {
        if let Some(Stmt::Expr(expr, None)) = stmts.last() {
            self.value(expr);
        }
    }

    fn value(&mut self, expr: &Expr) {
        match expr {
            Expr::MethodCall(call) => {
                let receiver = call.receiver.to_token_stream().into_iter().next();
                if matches!(&*call.receiver, Expr::Path(_)) && is_ident(receiver.as_ref(), "self") {
                    self.found.push(call.method.clone());
                }
            }
            Expr::Paren(inner) => self.value(&inner.expr),
            Expr::Group(inner) => self.value(&inner.expr),
            Expr::Block(inner) => self.tail(&inner.block.stmts),
            Expr::If(inner) => {
                self.tail(&inner.then_branch.stmts);
                inner.else_branch.iter().for_each(|(_, otherwise)| self.value(otherwise));
            }
            Expr::Match(inner) => inner.arms.iter().for_each(|arm| self.value(&arm.body)),
            Expr::Tuple(pair) if self.pairs && pair.elems.len() == 2 => self.value(&pair.elems[0]),
            Expr::Call(call) if call.args.len() == 1 && is_ok(&call.func) => {
                call.args.iter().for_each(|inner| self.value(inner));
            }
            Expr::Return(inner) => inner.expr.iter().for_each(|expr| self.value(expr)),
            _ => {}
        }
    }
}

fn is_ok(func: &Expr) -> bool {
    matches!(func, Expr::Path(path) if path.path.is_ident("Ok"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(body: &str, pairs: bool) -> Vec<String> {
        let stmts = Block::parse_within.parse_str(body).expect(body);
        let mut reader = Reader { pairs, found: Vec::new() };
        reader.tail(&stmts);
        reader.found.iter().map(Ident::to_string).collect()
    }

    #[test]
    fn a_pair_is_a_value_of_its_own_outside_of_states() {
        assert_eq!(reads("(self.job(1), 2)", false), [""; 0]);
    }

    #[test]
    fn calls_that_are_the_value_are_found() {
        for (body, names) in [
            ("self.job(1)", vec!["job"]),
            ("let n = 1; self.job(n)", vec!["job"]),
            ("Ok(self.job(1))", vec!["job"]),
            ("(self.job(1), State::Open(self.helper()))", vec!["job"]),
            ("if a { self.job(1) } else { self.helper() }", vec!["job", "helper"]),
            ("match a { A => return self.job(1), _ => { (self.helper()) } }", vec!["job", "helper"]),
            ("self.job(1);", vec![]),
            ("self.job(1).await", vec![]),
            ("self.job(1)?", vec![]),
            ("self.inner.job(1)", vec![]),
            ("other.job(1)", vec![]),
            ("f(self.job(1))", vec![]),
            ("vec![self.job(1)]", vec![]),
            ("|| self.job(1)", vec![]),
            ("async move { self.job(1) }", vec![]),
            ("loop { self.job(1) }", vec![]),
        ] {
            assert_eq!(reads(body, true), names, "{body}");
        }
    }
}
