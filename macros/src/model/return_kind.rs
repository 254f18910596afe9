//! The return type of a function, and whether it can fail.

use super::{
    function::{last_segment, peel},
    machine::only_argument,
};
use crate::tokens::mentions;
use proc_macro2::Ident;
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, Type};

/// A return type, as far as tokens tell. The last path segment `Result` decides; the compiler
/// resolves aliases.
#[derive(Clone)]
pub(crate) enum ReturnKind {
    /// No `->`.
    Unit,
    /// Not a `Result`, or one that is used as it is.
    Plain(Type),
    /// `Result<T, E>` with both types.
    Result { ok: Box<Type>, err: Box<Type> },
    /// `io::Result<T>` and similar aliases.
    ResultAlias(Type),
    /// A name that may be an alias of anything. The compiler resolves it.
    Unresolved {
        ty: Type,
        /// Whether it names no parameter of the block, so that a constant can tell what it is.
        concrete: bool,
    },
}

impl ReturnKind {
    /// By name.
    pub(crate) fn of(ty: Option<&Type>) -> Self {
        match ty {
            Some(ty) if last_segment(ty).is_some_and(|last| last == "Result") => ReturnKind::fallible(ty),
            other => ReturnKind::plain(other),
        }
    }

    /// By type if the name does not decide, for a handler or hook in a block with these parameters.
    pub(crate) fn by_type(ty: Option<&Type>, params: &[Ident]) -> Self {
        match ty {
            Some(ty) if is_unclear(ty) => {
                let concrete = is_concrete(ty, params);
                match ReturnKind::of(Some(ty)) {
                    ReturnKind::ResultAlias(ty) if !concrete => ReturnKind::ResultAlias(ty),
                    _ => ReturnKind::Unresolved { ty: ty.clone(), concrete },
                }
            }
            other => ReturnKind::of(other),
        }
    }

    /// As [`by_type`](Self::by_type), for methods whose `Result` can only be the standard one.
    pub(crate) fn of_hook(ty: Option<&Type>, params: &[Ident]) -> Self {
        match ty {
            Some(ty) if last_segment(ty).is_some_and(|last| last == "Result") => ReturnKind::of(Some(ty)),
            ty => ReturnKind::by_type(ty, params),
        }
    }

    /// The type as a plain value.
    pub(crate) fn plain(ty: Option<&Type>) -> Self {
        ty.cloned().map_or(ReturnKind::Unit, ReturnKind::Plain)
    }

    /// A `Result` under any name.
    pub(crate) fn fallible(ty: &Type) -> Self {
        match written(ty) {
            Some((ok, err)) => ReturnKind::Result { ok: Box::new(ok), err: Box::new(err) },
            None => ReturnKind::ResultAlias(ty.clone()),
        }
    }

    /// The success type, if the tokens have it: `T` of `io::Result<T>` too.
    pub(crate) fn ok(&self) -> Option<&Type> {
        match self {
            ReturnKind::Unit => None,
            ReturnKind::Plain(ty) | ReturnKind::Unresolved { ty, .. } => Some(ty),
            ReturnKind::Result { ok, .. } => Some(ok),
            ReturnKind::ResultAlias(ty) => only_argument(ty, "Result"),
        }
    }

    /// Whether it is a `Result`, or may be an alias of one.
    pub(crate) fn may_fail(&self) -> bool {
        self.is_fallible() || matches!(self, ReturnKind::Unresolved { .. })
    }

    pub(crate) fn is_fallible(&self) -> bool {
        matches!(self, ReturnKind::Result { .. } | ReturnKind::ResultAlias(_))
    }
}

/// Whether the type may be an alias: neither a type of std nor a complete `Result<T, E>`.
fn is_unclear(ty: &Type) -> bool {
    match peel(ty) {
        Type::Path(path) => {
            let names: Vec<_> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let is_result = matches!(&*names, ["Result"] | ["std" | "core", "result", "Result"]);
            let is_flow = matches!(&*names, ["ControlFlow"] | ["std" | "core", "ops", "ControlFlow"]);
            let in_full = is_result && written(ty).is_some() || is_flow;
            !(is_of_std(ty) || in_full && path.qself.is_none())
        }
        Type::Macro(_) => true,
        _ => false,
    }
}

/// Whether the type names no parameter of the block, and not `Self`.
pub(crate) fn is_concrete(ty: &Type, params: &[Ident]) -> bool {
    let tokens = || ty.to_token_stream();
    let is_mentioned = |name: &Ident| mentions(tokens(), name);
    params.is_empty() || !(mentions(tokens(), "Self") || params.iter().any(is_mentioned))
}

/// `T` and `E` of `Result<T, E>`.
fn written(ty: &Type) -> Option<(Type, Type)> {
    let Type::Path(path) = peel(ty) else { return None };
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

/// Whether the type can't be an alias of `Result` or `ControlFlow`.
pub(crate) fn is_of_std(ty: &Type) -> bool {
    const NAMES: [&str; 21] = [
        "bool", "char", "str", "String", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32",
        "i64", "i128", "isize", "f32", "f64", "Vec", "Option", "Box",
    ];
    match peel(ty) {
        Type::Path(path) => match path.path.segments.last() {
            Some(last) => path.path.segments.len() == 1 && NAMES.iter().any(|name| last.ident == name),
            None => false,
        },
        Type::Tuple(_) | Type::Array(_) | Type::Slice(_) | Type::Reference(_) | Type::Ptr(_) => true,
        _ => false,
    }
}
