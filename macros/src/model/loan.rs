//! Borrowed types, as far as tokens tell: what can't be carried to another thread.
//!
//! References and lifetimes inside `Fn(&T)`, `fn(&T)` are the callee's business and do not count.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    GenericArgument, Generics, Lifetime, Path, PathArguments, PredicateType, Type, TypeImplTrait, TypeParam,
    TypeParamBound, TypeReference, WherePredicate,
};

/// The first thing in a type that keeps it from being owned, or from being named.
pub(crate) enum Loan<'a> {
    Reference(&'a TypeReference),
    Lifetime(&'a Lifetime),
    /// `impl Trait`: owned perhaps, but without a name to repeat.
    Opaque(&'a TypeImplTrait),
}

/// Why a service can't be owned.
pub(crate) enum Unowned<'a> {
    Type(Loan<'a>),
    /// A type parameter that may borrow.
    Param(&'a TypeParam),
    /// `dyn Trait`
    Object(&'a Type),
}

/// The first type parameter of which nothing says that it is `'static`: it has no bounds but those that surely don't.
pub(super) fn unbound(generics: &Generics) -> Option<&TypeParam> {
    let predicates = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let elsewhere: Vec<&PredicateType> = predicates
        .filter_map(|predicate| match predicate {
            WherePredicate::Type(predicate) => Some(predicate),
            _ => None,
        })
        .collect();
    let may_borrow = |param: &&TypeParam| {
        let of_param = |predicate: &&&PredicateType| match &predicate.bounded_ty {
            Type::Path(path) => path.path.is_ident(&param.ident),
            _ => false,
        };
        // `Vec<T>: Shared` says something of `T`, too.
        let inside = |predicate: &&PredicateType| {
            !of_param(&predicate) && mentions(predicate.bounded_ty.to_token_stream(), &param.ident)
        };
        if elsewhere.iter().any(inside) {
            return false;
        }
        let elsewhere = elsewhere.iter().filter(of_param).flat_map(|predicate| &predicate.bounds);
        param.bounds.iter().chain(elsewhere).all(leaves_open)
    };
    generics.type_params().find(may_borrow)
}

fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        _ => false,
    })
}

/// Traits without `'static`, which everybody knows and nobody calls one of their own by.
const OPEN: &str = "AsRef Clone Copy Debug Default Deserialize DeserializeOwned Display Eq Fn FnMut FnOnce From Future Hash Into \
    IntoIterator Iterator Ord PartialEq PartialOrd Send Serialize Sized Sync ToString Unpin";

fn leaves_open(bound: &TypeParamBound) -> bool {
    match bound {
        TypeParamBound::Trait(bound) => bound
            .path
            .segments
            .last()
            .is_some_and(|last| OPEN.split_whitespace().any(|name| last.ident == name)),
        _ => false,
    }
}

pub(crate) fn find(ty: &Type) -> Option<Loan<'_>> {
    match ty {
        Type::Reference(reference) => match &reference.lifetime {
            Some(lifetime) if lifetime.ident == "static" => find(&reference.elem),
            _ => Some(Loan::Reference(reference)),
        },
        Type::ImplTrait(opaque) => Some(Loan::Opaque(opaque)),
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
        // Function pointers bind their own lifetimes; the rest holds no type that we could look into.
        _ => None,
    }
}

fn in_bound(bound: &TypeParamBound) -> Option<Loan<'_>> {
    match bound {
        TypeParamBound::Lifetime(lifetime) => of_lifetime(lifetime),
        TypeParamBound::Trait(bound) if bound.lifetimes.is_none() => in_path(&bound.path),
        _ => None,
    }
}

fn in_path(path: &Path) -> Option<Loan<'_>> {
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

fn of_lifetime(lifetime: &Lifetime) -> Option<Loan<'_>> {
    (lifetime.ident != "static").then_some(Loan::Lifetime(lifetime))
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
    fn parameters_that_surely_borrow() {
        let finds = |text: &str| {
            let item: syn::ItemImpl = syn::parse_str(&format!("impl {text} {{}}")).expect(text);
            unbound(&item.generics).is_some()
        };
        for text in
            ["<T> S<T>", "<T: Clone + Send> S<T>", "<T> S<T> where T: Debug", "<A: 'static, B> S<A, B>"]
        {
            assert!(finds(text), "{text}");
        }
        for text in [
            "<T: 'static> S<T>",
            "<T: Store> S<T>",
            "<T: Read + Clone> S<T>",
            "<T> S<T> where T: Debug + 'static",
            "<T> S<T> where Vec<T>: 'static",
            "<const N: usize> S<N>",
        ] {
            assert!(!finds(text), "{text}");
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
