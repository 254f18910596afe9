//! What a function returns, and whether it can fail.

use super::{function::last_segment, machine::only_argument};
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

    /// The type of success, if it can be seen: in `io::Result<T>` too.
    pub(crate) fn ok(&self) -> Option<&Type> {
        match self {
            Outcome::Unit => None,
            Outcome::Plain(ty) => Some(ty),
            Outcome::Written { ok, .. } => Some(ok),
            Outcome::Alias(ty) => only_argument(ty, "Result"),
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

/// A type that is surely what it looks like, and so no `Result` and no `ControlFlow` by another name.
pub(crate) fn is_of_std(ty: &Type) -> bool {
    const NAMES: [&str; 21] = [
        "bool", "char", "str", "String", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32",
        "i64", "i128", "isize", "f32", "f64", "Vec", "Option", "Box",
    ];
    match ty {
        Type::Path(path) => match path.path.segments.last() {
            Some(last) => path.path.segments.len() == 1 && NAMES.iter().any(|name| last.ident == name),
            None => false,
        },
        Type::Tuple(_) | Type::Array(_) | Type::Slice(_) | Type::Reference(_) | Type::Ptr(_) => true,
        _ => false,
    }
}
