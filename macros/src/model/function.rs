//! The parts of functions that are the same for every role: receiver, parameters, body.

use super::{Misuse, StateEnum, borrow};
use crate::parse::IncompleteFn;
use proc_macro2::{Group, Ident};
use syn::{
    Attribute, FnArg, Pat, PatType, ReceiverKind, ReturnType, Signature, Type, TypeReference, Visibility,
    ext::IdentExt,
};

#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    /// As it is written. The fields below have receiver and parameters.
    pub(crate) sig: Signature,
    pub(crate) receiver: Receiver,
    pub(crate) params: Vec<Param>,
    pub(crate) body: Group,
    pub(crate) misuses: Vec<Misuse>,
    /// The tokens, if the function can't be parsed as a whole.
    pub(crate) incomplete: Option<IncompleteFn>,
    /// The attributes of the block, for the lint levels among them.
    pub(crate) levels: Vec<Attribute>,
}

/// Whether a function is in a `#[service]` block.
pub(crate) enum Placement {
    /// In the `#[service]` block of a type of this name.
    Service {
        name: String,
        states: Option<Box<StateEnum>>,
        /// Its type and const parameters.
        params: Vec<Ident>,
    },
    /// Under `#[blocking]`, which sees only the function.
    Standalone,
}

impl Placement {
    /// The name of the block's type.
    pub(super) fn type_name(&self) -> &str {
        match self {
            Placement::Service { name, .. } => name,
            Placement::Standalone => "",
        }
    }

    /// The type and const parameters of the block.
    pub(super) fn params(&self) -> &[Ident] {
        match self {
            Placement::Service { params, .. } => params,
            Placement::Standalone => &[],
        }
    }

    /// The enum of the block's states, if it has any.
    pub(super) fn states(&self) -> Option<&StateEnum> {
        match self {
            Placement::Service { states, .. } => states.as_deref(),
            Placement::Standalone => None,
        }
    }
}

/// The receiver of a method.
#[derive(Clone)]
pub(crate) enum Receiver {
    None,
    /// `&self`, which is `self: &Arc<Self>` in a service.
    Shared(syn::Receiver),
    /// `self: &Arc<Self>`.
    Arc(syn::Receiver),
    /// `&mut self`.
    Exclusive(syn::Receiver),
    /// `self`, or any other type of it.
    Other(syn::Receiver),
}

#[derive(Clone)]
pub(crate) struct Param {
    pub(crate) written: PatType,
    pub(crate) shape: Shape,
}

/// Whether a parameter is a reference, which decides its role in a handler.
#[derive(Clone)]
pub(crate) enum Shape {
    /// `&T`
    Shared(TypeReference),
    /// `&mut T`
    Exclusive(TypeReference),
    Owned,
}

impl Function {
    pub(crate) fn new(attrs: Vec<Attribute>, vis: Visibility, sig: Signature, body: Group) -> Self {
        let mut receiver = Receiver::None;
        let mut params = Vec::new();
        for input in &sig.inputs {
            match input {
                FnArg::Receiver(written) => receiver = Receiver::new(written.clone()),
                FnArg::Typed(written) => params.push(Param::new(written.clone())),
            }
        }
        Function {
            attrs,
            vis,
            sig,
            receiver,
            params,
            body,
            misuses: Vec::new(),
            incomplete: None,
            levels: Vec::new(),
        }
    }

    pub(crate) fn output(&self) -> Option<&Type> {
        match &self.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(ty),
        }
    }

    /// Whether a parameter is a worker, or has the name of one.
    pub(crate) fn has_worker(&self) -> bool {
        self.params
            .iter()
            .any(|param| param.is_named("Worker") || param.name().is_none_or(|name| name == "worker"))
    }

    /// The `cfg`s, which are repeated on all items that are generated for the function.
    pub(crate) fn cfgs(&self) -> impl Iterator<Item = &Attribute> {
        self.attrs.iter().filter(|attr| attr.path().is_ident("cfg"))
    }

    /// Whether this is an `async fn` whose future can own all that it needs. One that borrows stays
    /// as it is, and so does one with an `impl Trait`, which can't be named in `use<..>`.
    pub(super) fn is_helper(&self) -> bool {
        let plain_async =
            self.sig.asyncness.is_some() && self.sig.constness.is_none() && self.sig.abi.is_none();
        let safe = matches!(self.sig.safety, syn::Safety::Default);
        let lends = matches!(&self.receiver, Receiver::Shared(_) | Receiver::Arc(_))
            && self.receiver.lifetime().is_none();
        let owned = self.params.iter().map(|param| &*param.written.ty).chain(self.output());
        let cfg = self.params.iter().any(|param| param.cfg().is_some());
        plain_async && safe && lends && !cfg && owned.into_iter().all(|ty| borrow::find(ty).is_none())
    }
}

impl Receiver {
    fn new(written: syn::Receiver) -> Self {
        match &written.kind {
            ReceiverKind::Reference(_, _, None) => Receiver::Shared(written),
            ReceiverKind::Reference(_, _, Some(_)) => Receiver::Exclusive(written),
            ReceiverKind::Typed(_, ty) if is_shared_arc(ty) => Receiver::Arc(written),
            _ => Receiver::Other(written),
        }
    }

    pub(crate) fn written(&self) -> Option<&syn::Receiver> {
        match self {
            Receiver::None => None,
            Receiver::Shared(written)
            | Receiver::Arc(written)
            | Receiver::Exclusive(written)
            | Receiver::Other(written) => Some(written),
        }
    }

    /// `'a` of `&'a self`.
    pub(crate) fn lifetime(&self) -> Option<&syn::Lifetime> {
        match &self.written()?.kind {
            ReceiverKind::Reference(_, lifetime, _) => lifetime.as_ref(),
            ReceiverKind::Typed(_, ty) => match peel(ty) {
                Type::Reference(reference) => reference.lifetime.as_ref(),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Whether the type is `&Arc<..>`, by the last segment of its path. The compiler checks that `Self`
/// is in it.
fn is_shared_arc(ty: &Type) -> bool {
    match peel(ty) {
        Type::Reference(reference) if reference.mutability.is_none() => {
            last_segment(&reference.elem).is_some_and(|last| last == "Arc")
        }
        _ => false,
    }
}

/// The type without parentheses and without the groups around a `$ty:ty`.
pub(crate) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => peel(&inner.elem),
        Type::Group(inner) => peel(&inner.elem),
        ty => ty,
    }
}

/// `Worker` of `portcullis::Worker`.
pub(super) fn last_segment(ty: &Type) -> Option<&Ident> {
    match peel(ty) {
        Type::Path(path) => path.path.segments.last().map(|last| &last.ident),
        _ => None,
    }
}

impl Param {
    fn new(written: PatType) -> Self {
        let shape = shape(&written.ty);
        Param { written, shape }
    }

    /// The name under which generated code may forward the argument. A leading underscore says
    /// "unused", which would be wrong then.
    pub(crate) fn name(&self) -> Option<&Ident> {
        self.ident().filter(|ident| !ident.unraw().to_string().starts_with('_'))
    }

    /// The name of the parameter, or the names in its pattern.
    pub(crate) fn bindings(&self) -> Vec<&Ident> {
        let mut found = Vec::new();
        bindings(&self.written.pat, &mut found);
        found
    }

    /// The name, with or without a leading underscore.
    pub(crate) fn ident(&self) -> Option<&Ident> {
        match &*self.written.pat {
            Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => Some(&pat.ident),
            _ => None,
        }
    }

    /// `name: T` of `name: &T`.
    pub(super) fn owned(&self) -> Self {
        let mut written = self.written.clone();
        if let Shape::Shared(reference) | Shape::Exclusive(reference) = &self.shape {
            written.ty.clone_from(&reference.elem);
        }
        Param::new(written)
    }

    pub(crate) fn is_owned(&self) -> bool {
        matches!(self.shape, Shape::Owned)
    }

    pub(crate) fn cfg(&self) -> Option<&Attribute> {
        self.written.attrs.iter().find(|attr| attr.path().is_ident("cfg"))
    }

    /// Whether the last segment of the type is this name. Only the worker is recognized by it.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        let ty = match &self.shape {
            Shape::Shared(reference) | Shape::Exclusive(reference) => &*reference.elem,
            Shape::Owned => &*self.written.ty,
        };
        last_segment(ty).is_some_and(|last| last == name)
    }
}

fn bindings<'a>(pat: &'a Pat, found: &mut Vec<&'a Ident>) {
    match pat {
        Pat::Ident(pat) => {
            found.push(&pat.ident);
            if let Some((_, inner)) = &pat.subpat {
                bindings(inner, found);
            }
        }
        Pat::Paren(inner) => bindings(&inner.pat, found),
        Pat::Reference(inner) => bindings(&inner.pat, found),
        Pat::Type(inner) => bindings(&inner.pat, found),
        Pat::Slice(slice) => slice.elems.iter().for_each(|inner| bindings(inner, found)),
        Pat::Tuple(tuple) => tuple.elems.iter().for_each(|inner| bindings(inner, found)),
        Pat::TupleStruct(tuple) => tuple.elems.iter().for_each(|inner| bindings(inner, found)),
        Pat::Struct(fields) => fields.fields.iter().for_each(|field| bindings(&field.pat, found)),
        _ => {}
    }
}

fn shape(ty: &Type) -> Shape {
    match peel(ty) {
        Type::Reference(reference) if reference.mutability.is_some() => Shape::Exclusive(reference.clone()),
        Type::Reference(reference) => Shape::Shared(reference.clone()),
        _ => Shape::Owned,
    }
}
