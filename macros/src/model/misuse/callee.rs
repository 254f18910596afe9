//! What a call on `self` may name: the methods of the block, and what each of them returns.

use crate::model::{Borrow, Method, Param, Receiver, Role, borrow};
use proc_macro2::Ident;
use syn::Type;

/// A method of the block that a call on `self` may name.
pub(super) struct Callee {
    pub(super) name: Ident,
    pub(super) kind: CalleeKind,
}

pub(super) enum CalleeKind {
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

impl Callee {
    /// None for what the compiler alone can judge.
    pub(super) fn of(method: &Method) -> Option<Self> {
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
            Role::Blocking(blocking) => CalleeKind::Job { args: blocking.args.len() },
            Role::Helper => CalleeKind::Helper,
            Role::Handler(_) | Role::Transition(_) | Role::Interceptor(_) | Role::Hook(_) if is_async => {
                CalleeKind::Handler
            }
            Role::Plain if is_async => CalleeKind::Borrowing { param: borrowed(&function.params)? },
            Role::Plain => match function.params.as_slice() {
                [worker, rest @ ..] if worker.is_named("Worker") => {
                    CalleeKind::TakesWorker { args: rest.len() }
                }
                _ => return None,
            },
            _ => return None,
        };
        Some(Callee { name: function.sig.ident.clone(), kind })
    }

    /// How its value is had where the call stands; none if that is what the call gives.
    pub(super) fn is_future(&self) -> bool {
        !matches!(self.kind, CalleeKind::TakesWorker { .. })
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
        Type::Slice(slice) => Some(format!("Vec<{}>", crate::tokens::to_text(&slice.elem))),
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
