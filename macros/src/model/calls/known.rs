//! The methods of the block that a call on `self` may name.

use crate::model::{Borrow, Method, Param, Receiver, Role, borrow};
use proc_macro2::Ident;
use syn::Type;

/// A method of the block that a call on `self` may name.
pub(in crate::model) struct Known {
    pub(super) name: Ident,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// A handler or a hook: its future borrows the service.
    Handler,
    /// An `async fn` whose future owns what it uses.
    Helper,
    /// An `async fn` that borrows an argument: which one, and what would own it.
    Borrowing { param: Option<String> },
    /// `#[blocking]`
    Job { args: usize },
    /// A plain function with a worker, and how many arguments it takes besides.
    TakesWorker { args: usize },
}

impl Known {
    /// None for what the compiler alone can judge.
    pub(in crate::model) fn of(method: &Method) -> Option<Self> {
        let function = &method.function;
        let lends = matches!(function.receiver, Receiver::Shared(_) | Receiver::Arc(_));
        if !lends
            || function.receiver.lifetime().is_some()
            || function.incomplete.is_some()
            || method.is_conditional()
        {
            return None;
        }
        let is_async = function.sig.asyncness.is_some();
        let kind = match &method.role {
            Role::Blocking(blocking) => Kind::Job { args: blocking.args.len() },
            Role::Helper => Kind::Helper,
            Role::Handler(_) | Role::Transition(_) | Role::Interceptor(_) | Role::Hook(_) if is_async => {
                Kind::Handler
            }
            Role::Plain if is_async => Kind::Borrowing { param: borrowed(&function.params)? },
            Role::Plain => match function.params.as_slice() {
                [worker, rest @ ..] if worker.is_named("Worker") => Kind::TakesWorker { args: rest.len() },
                _ => return None,
            },
            _ => return None,
        };
        Some(Known { name: function.sig.ident.clone(), kind })
    }

    /// How its value is had where the call stands; none if that is what the call gives.
    pub(super) fn is_future(&self) -> bool {
        !matches!(self.kind, Kind::TakesWorker { .. })
    }
}

/// The first argument that is borrowed, as it would be owned. None if something else keeps the
/// function from being a helper: a `cfg` on a parameter, or an `impl Trait`.
fn borrowed(params: &[Param]) -> Option<Option<String>> {
    if params.iter().any(|param| param.cfg().is_some()) {
        return None;
    }
    let loans = params.iter().filter_map(|param| Some((param, borrow::find(&param.written.ty)?)));
    let (param, find_borrow) =
        loans.into_iter().find(|(_, find_borrow)| !matches!(find_borrow, Borrow::ImplTrait(_)))?;
    let owned = match find_borrow {
        Borrow::Reference(reference) => owned_form(&reference.elem),
        _ => None,
    };
    Some(param.name().zip(owned).map(|(name, owned)| format!("`{name}: {owned}`")))
}

/// The std type that owns what a reference to `ty` borrows.
pub(crate) fn owned_form(ty: &Type) -> Option<String> {
    match ty {
        Type::Slice(slice) => Some(format!("Vec<{}>", crate::source::of(&slice.elem))),
        Type::Path(path) => match path.path.get_ident()?.to_string().as_str() {
            "str" => Some("String".to_owned()),
            "Path" => Some("PathBuf".to_owned()),
            "OsStr" => Some("OsString".to_owned()),
            "CStr" => Some("CString".to_owned()),
            _ => None,
        },
        _ => None,
    }
}
