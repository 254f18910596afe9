//! References and lifetimes in types, as far as tokens tell: a value with one can't move to another
//! thread. Those inside of `Fn(&T)` and `fn(&T)` belong to the callee and do not count.

use super::peel;
use syn::{
    GenericArgument, Lifetime, Path, PathArguments, Type, TypeImplTrait, TypeParamBound, TypeReference,
    parse_quote,
};

/// The first part of a type because of which it is not owned, or can't be named.
pub(crate) enum Borrow<'a> {
    Reference(&'a TypeReference),
    Lifetime(&'a Lifetime),
    /// `impl Trait`, which may be owned, but has no name to repeat.
    ImplTrait(&'a TypeImplTrait),
}

/// Why a service can't be owned.
pub(crate) enum NotOwned<'a> {
    Type(Borrow<'a>),
    /// `dyn Trait`
    Object(&'a Type),
}

pub(crate) fn find(ty: &Type) -> Option<Borrow<'_>> {
    match ty {
        Type::Reference(reference) => match &reference.lifetime {
            Some(lifetime) if lifetime.ident == "static" => find(&reference.elem),
            _ => Some(Borrow::Reference(reference)),
        },
        Type::ImplTrait(opaque) => Some(Borrow::ImplTrait(opaque)),
        Type::Array(array) => find(&array.elem),
        Type::Slice(slice) => find(&slice.elem),
        Type::Ptr(pointer) => find(&pointer.elem),
        Type::Paren(inner) => find(&inner.elem),
        Type::Group(inner) => find(&inner.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(find),
        Type::Path(path) => {
            path.qself.as_ref().and_then(|qself| find(&qself.ty)).or_else(|| in_path(&path.path))
        }
        Type::TraitObject(object) => object.bounds.iter().find_map(in_bound),
        // Function pointers bind their own lifetimes. The other kinds of types contain no types.
        _ => None,
    }
}

/// The owned type that is meant by a type without a size, such as `Vec<u8>` for `[u8]`.
pub(crate) fn sized_form(ty: &Type) -> Option<Type> {
    match peel(ty) {
        Type::Slice(slice) => {
            let elem = &slice.elem;
            Some(parse_quote!(Vec<#elem>))
        }
        Type::Path(path) if path.path.is_ident("str") => Some(parse_quote!(String)),
        Type::TraitObject(object) => Some(parse_quote!(Box<#object>)),
        _ => None,
    }
}

fn in_bound(bound: &TypeParamBound) -> Option<Borrow<'_>> {
    match bound {
        TypeParamBound::Lifetime(lifetime) => of_lifetime(lifetime),
        TypeParamBound::Trait(bound) if bound.lifetimes.is_none() => in_path(&bound.path),
        _ => None,
    }
}

fn in_path(path: &Path) -> Option<Borrow<'_>> {
    path.segments.iter().find_map(|segment| match &segment.arguments {
        PathArguments::AngleBracketed(brackets) => brackets.args.iter().find_map(|argument| match argument {
            GenericArgument::Lifetime(lifetime) => of_lifetime(lifetime),
            GenericArgument::Type(ty) => find(ty),
            GenericArgument::AssocType(assoc) => find(&assoc.ty),
            _ => None,
        }),
        PathArguments::None | PathArguments::Parenthesized(_) => None,
    })
}

fn of_lifetime(lifetime: &Lifetime) -> Option<Borrow<'_>> {
    (lifetime.ident != "static").then_some(Borrow::Lifetime(lifetime))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn borrows(text: &str) -> bool {
        find(&syn::parse_str(text).expect(text)).is_some()
    }

    #[test]
    fn what_borrows() {
        for text in [
            "&str",
            "&mut T",
            "&'a T",
            "Option<&str>",
            "Cow<'_, str>",
            "[&u8; 2]",
            "(u8, &u8)",
            "Box<dyn Tr + 'a>",
            "Vec<Ref<'a>>",
            "<&T as Tr>::Out",
            "impl Tr",
            "dyn Tr<&u8>",
        ] {
            assert!(borrows(text), "{text}");
        }
    }

    #[test]
    fn what_owns() {
        for text in [
            "String",
            "&'static str",
            "Cow<'static, str>",
            "Box<dyn Fn(&str) -> &str + Send>",
            "fn(&str)",
            "Vec<u8>",
            "[u8; 2]",
            "()",
            "Box<dyn for<'a> Tr<'a>>",
            "Box<dyn Tr + 'static>",
        ] {
            assert!(!borrows(text), "{text}");
        }
    }
}
