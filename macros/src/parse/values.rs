//! The values of options that mean more than their syntax.

use super::duration;
use std::time::Duration;
use syn::{Expr, ExprLit, Ident, Lit};

/// The value of `deadline = ..` and of other options with a duration.
#[derive(Clone)]
pub(crate) enum DurationArg {
    /// A string, which is parsed here: `"2s"`.
    Literal(Duration),
    /// Any other expression, whose type the compiler checks.
    Expr(Box<Expr>),
}

/// The value of `half_close = ..`: what happens to a running handler when the peer closes its
/// writing side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HalfClose {
    /// It is dropped.
    Cancel,
    /// It goes on, and its response is sent.
    Answer,
}

pub(super) fn duration_arg(written: Expr) -> syn::Result<DurationArg> {
    let literal = unwrap_groups(&written);
    let Expr::Lit(ExprLit { lit, .. }) = literal else { return Ok(DurationArg::Expr(Box::new(written))) };
    match lit {
        Lit::Str(text) => duration::parse(&text.value())
            .map(DurationArg::Literal)
            .map_err(|message| syn::Error::new(text.span(), message)),
        other => Err(syn::Error::new_spanned(
            other,
            "expected a duration with a unit, such as `\"2s\"`, or an expression of type `Duration`",
        )),
    }
}

/// The expression without parentheses and without the groups that `macro_rules` puts around a
/// `$limit:literal`, one at each level.
fn unwrap_groups(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => unwrap_groups(&group.expr),
        Expr::Paren(paren) => unwrap_groups(&paren.expr),
        other => other,
    }
}

/// The value of `batch = ..`: a number, or an expression that the compiler evaluates.
pub(super) fn batch(written: Expr) -> syn::Result<Expr> {
    match unwrap_groups(&written) {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. })
            if number.base10_parse::<usize>().is_ok_and(|n| n == 0) =>
        {
            Err(syn::Error::new(number.span(), "`batch` must be at least 1"))
        }
        Expr::Lit(ExprLit { lit: Lit::Int(_), .. }) => Ok(written),
        Expr::Lit(other) => {
            Err(syn::Error::new_spanned(other, "expected a number of requests: write `batch = 64`"))
        }
        _ => Ok(written),
    }
}

pub(super) fn half_close(word: Ident) -> syn::Result<HalfClose> {
    match word.to_string().as_str() {
        "cancel" => Ok(HalfClose::Cancel),
        "answer" => Ok(HalfClose::Answer),
        _ => Err(syn::Error::new(word.span(), "`half_close` must be `cancel` or `answer`")),
    }
}
