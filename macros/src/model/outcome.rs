//! What a function returns, and whether it can fail.

use super::function::last_segment;
use syn::{GenericArgument, PathArguments, Type};

/// A return type, as far as tokens tell: the guess goes by the last path segment `Result`, aliases resolve
/// by type.
#[derive(Clone)]
pub(crate) enum Outcome {
    /// No `->`.
    Unit,
    /// Not a `Result`, or one that is to be left as it is.
    Plain(Type),
    /// `Result<T, E>`, both written.
    Written { ok: Box<Type>, err: Box<Type> },
    /// `io::Result<T>` and the like.
    Alias(Type),
}

impl Outcome {
    /// The guess.
    pub(crate) fn of(ty: Option<&Type>) -> Self {
        match ty {
            Some(ty) if last_segment(ty).is_some_and(|last| last == "Result") => Outcome::fallible(ty),
            other => Outcome::plain(other),
        }
    }

    /// As it is.
    pub(crate) fn plain(ty: Option<&Type>) -> Self {
        ty.cloned().map_or(Outcome::Unit, Outcome::Plain)
    }

    /// A `Result`, whatever it is called.
    pub(crate) fn fallible(ty: &Type) -> Self {
        match written(ty) {
            Some((ok, err)) => Outcome::Written { ok: Box::new(ok), err: Box::new(err) },
            None => Outcome::Alias(ty.clone()),
        }
    }

    pub(crate) fn is_fallible(&self) -> bool {
        matches!(self, Outcome::Written { .. } | Outcome::Alias(_))
    }
}

/// `T` and `E` of `Result<T, E>`.
fn written(ty: &Type) -> Option<(Type, Type)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(brackets) = &last.arguments else { return None };
    let mut args = brackets.args.iter();
    match (args.next(), args.next(), args.next()) {
        (Some(GenericArgument::Type(ok)), Some(GenericArgument::Type(err)), None) => {
            Some((ok.clone(), err.clone()))
        }
        _ => None,
    }
}
