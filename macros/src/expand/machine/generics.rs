//! The generics of the enum of the states.

use super::Machine;
use crate::{expand::types, model::peel, tokens::mentions};
use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{
    GenericArgument, GenericParam, Generics, PathArguments, Type, TypeParamBound, WherePredicate,
    punctuated::Punctuated,
};

impl Machine<'_> {
    /// The parameters of the block that the data of the states mention. A parameter keeps its
    /// bounds if the data may need them: `S: Store` for `S::Seat`, or for a user's `Seat<S>`.
    pub(super) fn enum_generics(&self) -> Generics {
        let data: TokenStream = self
            .service
            .state_handlers()
            .flat_map(|(_, step)| self.stored_data(step).collect::<Vec<_>>())
            .collect();
        let ty = &self.service.head.self_ty;
        let block = &self.service.head.generics;
        let asks: Vec<bool> = block.type_params().map(|param| self.asks(&param.ident)).collect();
        let mut asks = asks.into_iter();
        let mut generics = Generics::default();
        for param in &block.params {
            match param {
                GenericParam::Type(param) => {
                    let asks = asks.next().unwrap_or(true);
                    if !mentions(data.clone(), &param.ident) {
                        continue;
                    }
                    let mut param = param.clone();
                    if !asks {
                        param.bounds = param.bounds.into_iter().filter(is_relaxed).collect();
                    } else if let Ok(bounds) = syn::parse::Parser::parse2(
                        Punctuated::<TypeParamBound, syn::Token![+]>::parse_terminated,
                        types::without_self(param.bounds.to_token_stream(), ty),
                    ) {
                        param.bounds = bounds;
                    }
                    if param.bounds.is_empty() {
                        param.colon_token = None;
                    }
                    generics.params.push(GenericParam::Type(param));
                }
                GenericParam::Const(param) if mentions(data.clone(), &param.ident) => {
                    generics.params.push(GenericParam::Const(param.clone()));
                }
                GenericParam::Const(_) | GenericParam::Lifetime(_) => {}
            }
        }
        self.enum_clause(&mut generics);
        generics
    }

    /// Adds the predicates of the block that mention parameters of the enum, and no others.
    fn enum_clause(&self, generics: &mut Generics) {
        let ty = &self.service.head.self_ty;
        let block = &self.service.head.generics;
        let Some(clause) = &block.where_clause else { return };
        let is_of_enum = |name: &Ident| {
            generics.params.iter().any(|param| match param {
                GenericParam::Type(param) => param.ident == *name,
                GenericParam::Const(param) => param.ident == *name,
                GenericParam::Lifetime(_) => false,
            })
        };
        let mut kept: Punctuated<WherePredicate, syn::Token![,]> = Punctuated::new();
        for predicate in &clause.predicates {
            let tokens = types::without_self(predicate.to_token_stream(), ty);
            let mentioned = |param: &&syn::TypeParam| mentions(tokens.clone(), &param.ident);
            let of_block: Vec<_> = block.type_params().filter(mentioned).collect();
            let all = !of_block.is_empty() && of_block.iter().all(|param| is_of_enum(&param.ident));
            let asked = of_block.iter().any(|param| self.asks(&param.ident)) || relaxes(predicate);
            if let (true, true, Ok(predicate)) = (all, asked, syn::parse2(tokens)) {
                kept.push(predicate);
            }
        }
        if !kept.is_empty() {
            generics.make_where_clause().predicates = kept;
        }
    }

    /// Whether the data of a state may need a bound of the parameter.
    fn asks(&self, param: &Ident) -> bool {
        self.service.state_handlers().flat_map(|(_, step)| self.stored_data(step).collect::<Vec<_>>()).any(
            |data| match syn::parse2(data.clone()) {
                Ok(ty) => asks(&ty, param),
                Err(_) => mentions(data, param),
            },
        )
    }
}

/// Whether the type may need a bound of the parameter. `T` and collections of it need none.
fn asks(ty: &Type, param: &Ident) -> bool {
    const UNASKING: &str = "Arc BTreeMap BTreeSet BinaryHeap Box HashMap HashSet Mutex Option PhantomData Rc Result RwLock Vec VecDeque Weak";
    match peel(ty) {
        ty if !mentions(ty.to_token_stream(), param) => false,
        Type::Array(array) => asks(&array.elem, param),
        Type::Tuple(tuple) => tuple.elems.iter().any(|elem| asks(elem, param)),
        Type::Path(path) if path.qself.is_none() => {
            if path.path.is_ident(param) {
                return false;
            }
            let Some(last) = path.path.segments.last() else { return true };
            let PathArguments::AngleBracketed(brackets) = &last.arguments else { return true };
            let unasking = UNASKING.split_whitespace().any(|name| last.ident == name);
            !unasking
                || brackets.args.iter().any(|argument| match argument {
                    GenericArgument::Type(ty) => asks(ty, param),
                    other => mentions(other.to_token_stream(), param),
                })
        }
        _ => true,
    }
}

/// `?Sized`
fn is_relaxed(bound: &TypeParamBound) -> bool {
    matches!(bound, TypeParamBound::Trait(bound) if bound.maybe.is_some())
}

fn relaxes(predicate: &WherePredicate) -> bool {
    matches!(predicate, WherePredicate::Type(predicate) if predicate.bounds.iter().any(is_relaxed))
}
