//! What a call on `self` may name: the methods of the block, and what each of them returns.

use crate::model::{Method, Receiver, Role};
use proc_macro2::Ident;
use syn::Type;

/// A method of the block that a call on `self` may name.
pub(super) struct Callee {
    pub(super) name: Ident,
    pub(super) kind: CalleeKind,
}

pub(super) enum CalleeKind {
    /// An `async fn`: a helper, a handler or a hook.
    Async,
    /// `#[blocking]`
    Job { args: usize },
    /// A plain function with a worker, and the number of its other arguments.
    TakesWorker { args: usize },
}

impl Callee {
    /// `None` for methods that only the compiler can judge.
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
            Role::Helper => CalleeKind::Async,
            Role::Handler(_)
            | Role::Transition(_)
            | Role::Interceptor(_)
            | Role::Hook(_)
            | Role::Call
            | Role::Plain
                if is_async =>
            {
                CalleeKind::Async
            }
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

    /// Whether a call returns a future.
    pub(super) fn is_future(&self) -> bool {
        !matches!(self.kind, CalleeKind::TakesWorker { .. })
    }
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
