//! `cfg`s in signatures, and `cfg_attr`s around our attributes: one item for each case, under the
//! `cfg` of the case.
//!
//! The compiler has not resolved the `cfg`s in the item yet. Generated code repeats the parameters
//! of a function in places where attributes are not allowed (`f::<T, U>`, `use<T, U>`), so the
//! `cfg` moves to the function:
//!
//! ```text
//! #[cfg_attr(P, blocking)]                     #[cfg(P)] #[blocking] fn f<T, U>(..) { .. }
//! fn f<T, #[cfg(P)] U>(..) { .. }       =>     #[cfg(not(P))] fn f<T>(..) { .. }
//! ```

use crate::attributes::AttrKind;
use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{Attribute, FnArg, GenericParam, Generics, Meta, Signature, parse::Parser, punctuated::Punctuated};

/// Each predicate doubles the number of cases.
const MAX_PREDICATES: usize = 4;

/// Splits each `cfg_attr`, so that it has one attribute, which is neither a `cfg_attr` nor a `cfg`.
pub(crate) fn flatten(attrs: &mut Vec<Attribute>) {
    *attrs = std::mem::take(attrs).into_iter().flat_map(flatten_one).collect();
}

/// `#[cfg_attr(P, a, cfg(Q))]` as `#[cfg_attr(P, a)] #[cfg(any(not(P), Q))]`. What can't be parsed
/// stays, and the compiler reports it.
fn flatten_one(attr: Attribute) -> Vec<Attribute> {
    let Some((predicate, metas)) = conditional(&attr) else { return vec![attr] };
    metas
        .into_iter()
        .flat_map(|meta| {
            let mut part = attr.clone();
            let inner = syn::parse2::<Meta>(meta.clone()).ok();
            match (&mut part.meta, inner) {
                (Meta::List(list), Some(Meta::List(inner))) if inner.path.is_ident("cfg") => {
                    let condition = &inner.tokens;
                    list.path = inner.path.clone();
                    list.tokens = quote!(any(not(#predicate), #condition));
                    vec![part]
                }
                (Meta::List(list), Some(Meta::List(inner))) if inner.path.is_ident("cfg_attr") => {
                    let Some((condition, rest)) = split_off(inner.tokens) else { return vec![part] };
                    list.tokens = quote!(all(#predicate, #condition), #(#rest),*);
                    flatten_one(part)
                }
                (Meta::List(list), _) => {
                    list.tokens = quote!(#predicate, #meta);
                    vec![part]
                }
                _ => vec![part],
            }
        })
        .collect()
}

/// The predicate and the attributes of a `cfg_attr`.
fn conditional(attr: &Attribute) -> Option<(TokenStream, Vec<TokenStream>)> {
    match &attr.meta {
        Meta::List(list) if list.path.is_ident("cfg_attr") => split_off(list.tokens.clone()),
        _ => None,
    }
}

/// The first element of a list, and the other elements.
fn split_off(tokens: TokenStream) -> Option<(TokenStream, Vec<TokenStream>)> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is_comma = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ',');
    let mut parts = trees
        .split(is_comma)
        .map(|part| part.iter().cloned().collect::<TokenStream>())
        .filter(|part| !part.is_empty());
    let first = parts.next()?;
    let rest: Vec<_> = parts.collect();
    (!rest.is_empty()).then_some((first, rest))
}

/// The content of an attribute, or of the one in a `cfg_attr`: `allow(..)` of
/// `#[cfg_attr(P, allow(..))]`.
pub(crate) fn inner_meta(attr: &Attribute) -> Option<Meta> {
    match conditional(attr) {
        None => Some(attr.meta.clone()),
        Some((_, metas)) => metas.into_iter().next().and_then(|meta| syn::parse2(meta).ok()),
    }
}

/// The attribute with other content, under the same `cfg_attr`.
pub(crate) fn with_inner_meta(attr: &Attribute, inner_meta: &TokenStream) -> TokenStream {
    match conditional(attr) {
        None => quote!(#[#inner_meta]),
        Some((predicate, _)) => quote!(#[cfg_attr(#predicate, #inner_meta)]),
    }
}

/// One assignment of values to the predicates: the bit of a predicate is set if it holds.
struct Case<'a> {
    predicates: &'a [TokenStream],
    holds: usize,
}

impl Case<'_> {
    fn holds(&self, predicate: &TokenStream) -> bool {
        let text = predicate.to_string();
        let index = self.predicates.iter().position(|one| one.to_string() == text);
        index.is_none_or(|index| self.holds & (1 << index) != 0)
    }

    /// The `cfg` attributes under which this case is compiled.
    fn cfgs(&self) -> Vec<Attribute> {
        let one = |predicate: &TokenStream| match self.holds(predicate) {
            true => quote!(#[cfg(#predicate)]),
            false => quote!(#[cfg(not(#predicate))]),
        };
        let cfgs: TokenStream = self.predicates.iter().map(one).collect();
        Attribute::parse_outer.parse2(cfgs).unwrap_or_default()
    }

    /// Whether an item with these attributes exists in this case. Its `cfg`s are removed.
    fn keeps(&self, attrs: &mut Vec<Attribute>) -> bool {
        let mut there = true;
        attrs.retain(|attr| match predicate(attr) {
            Some(predicate) => {
                there &= self.holds(predicate);
                false
            }
            None => true,
        });
        there
    }

    /// Resolves the `cfg_attr`s of our attributes.
    fn resolve_own_attrs(&self, attrs: &mut Vec<Attribute>) {
        attrs.retain_mut(|attr| {
            let Some((predicate, meta)) = conditional_own_attr(attr) else { return true };
            attr.meta = meta;
            self.holds(&predicate)
        });
    }
}

/// `P` of `#[cfg(P)]`.
fn predicate(attr: &Attribute) -> Option<&TokenStream> {
    match &attr.meta {
        Meta::List(list) if list.path.is_ident("cfg") => Some(&list.tokens),
        _ => None,
    }
}

/// `#[cfg_attr(P, request)]`
fn conditional_own_attr(attr: &Attribute) -> Option<(TokenStream, Meta)> {
    let (predicate, _) = conditional(attr)?;
    let meta = inner_meta(attr)?;
    AttrKind::of(meta.path()).is_some().then_some((predicate, meta))
}

fn attrs_of(param: &mut GenericParam) -> &mut Vec<Attribute> {
    match param {
        GenericParam::Lifetime(param) => &mut param.attrs,
        GenericParam::Type(param) => &mut param.attrs,
        GenericParam::Const(param) => &mut param.attrs,
    }
}

fn attrs_of_input(input: &mut FnArg) -> &mut Vec<Attribute> {
    match input {
        FnArg::Receiver(receiver) => &mut receiver.attrs,
        FnArg::Typed(param) => &mut param.attrs,
    }
}

/// Keeps the elements of `list` that exist in this case.
fn keep<T: Clone, P: Default>(
    list: &mut Punctuated<T, P>,
    case: &Case<'_>,
    attrs: impl Fn(&mut T) -> &mut Vec<Attribute>,
) {
    let kept = std::mem::take(list).into_iter().filter_map(|mut one| {
        let there = case.keeps(attrs(&mut one));
        there.then_some(one)
    });
    *list = kept.collect();
}

/// Attributes and signature of a function for each case; `None` if there is nothing to resolve, or
/// too much.
pub(super) fn cases_of_fn(
    attrs: &mut Vec<Attribute>,
    sig: &mut Signature,
    is_ours: bool,
) -> Option<Vec<(Vec<Attribute>, Signature)>> {
    flatten(attrs);
    sig.generics.params.iter_mut().for_each(|param| flatten(attrs_of(param)));
    sig.inputs.iter_mut().for_each(|input| flatten(attrs_of_input(input)));
    let is_ours = is_ours
        || attrs
            .iter()
            .any(|attr| AttrKind::of(attr.path()).is_some() || conditional_own_attr(attr).is_some());
    if !is_ours && sig.asyncness.is_none() {
        return None;
    }
    let mut decided = Vec::new();
    for attr in &*attrs {
        decided.extend(conditional_own_attr(attr).map(|(predicate, _)| predicate));
    }
    for param in &mut sig.generics.params {
        decided.extend(attrs_of(param).iter().filter_map(predicate).cloned());
    }
    for input in &mut sig.inputs {
        decided.extend(attrs_of_input(input).iter().filter_map(predicate).cloned());
    }
    let cases = for_each_case(decided, |case| {
        let (mut attrs, mut sig) = (attrs.clone(), sig.clone());
        case.resolve_own_attrs(&mut attrs);
        attrs.extend(case.cfgs());
        keep(&mut sig.generics.params, case, attrs_of);
        keep(&mut sig.inputs, case, attrs_of_input);
        (attrs, sig)
    })?;
    Some(cases)
}

/// Attributes and generics of an `impl` block for each case; `None` if there is nothing to resolve,
/// or too much.
pub(super) fn cases_of_impl(
    attrs: &[Attribute],
    generics: &Generics,
) -> Option<Vec<(Vec<Attribute>, Generics)>> {
    let mut generics = generics.clone();
    let mut decided = Vec::new();
    for param in &mut generics.params {
        flatten(attrs_of(param));
        decided.extend(attrs_of(param).iter().filter_map(predicate).cloned());
    }
    for_each_case(decided, |case| {
        let mut generics = generics.clone();
        keep(&mut generics.params, case, attrs_of);
        (attrs.iter().cloned().chain(case.cfgs()).collect(), generics)
    })
}

fn for_each_case<T>(decided: Vec<TokenStream>, make: impl Fn(&Case<'_>) -> T) -> Option<Vec<T>> {
    let mut predicates: Vec<TokenStream> = Vec::new();
    for predicate in decided {
        let text = predicate.to_string();
        if predicates.iter().all(|one| one.to_string() != text) {
            predicates.push(predicate);
        }
    }
    if predicates.is_empty() || predicates.len() > MAX_PREDICATES {
        return None;
    }
    let holds = (0..1_usize << predicates.len()).rev();
    Some(holds.map(|holds| make(&Case { predicates: &predicates, holds })).collect())
}
