//! One method: its role, where its body runs, and how it is made of the syntax.

use super::{
    Blocking, Function, Handler, Hook, Interceptor, Param, Placement, Rpc, Side, TransitionHandler, misuse,
};
use crate::{
    parse::{self, Attr, AttrArgs, HookEvent, KeyValue, RpcOptions},
    report::ErrorSink,
};
use proc_macro2::Ident;
use quote::ToTokens;
use syn::Path;

/// A function and its role.
pub(crate) struct Method {
    pub(crate) function: Function,
    pub(crate) role: Role,
    /// What clients call, if there is an `#[rpc]`.
    pub(crate) rpc: Option<Box<Rpc>>,
    /// The names of our attributes on it.
    pub(crate) own_attrs: Vec<Ident>,
    /// The paths of attributes that may not be ours.
    pub(crate) paths: Vec<Path>,
    pub(crate) sink: ErrorSink,
}

pub(crate) enum Role {
    /// Stays as it is, except that `&self` of an `async fn` becomes `self: &Arc<Self>`.
    Plain,
    /// An `async fn` that owns its arguments: its future can be spawned, and waited for on a pool
    /// thread.
    Helper,
    Blocking(Box<Blocking>),
    Handler(Box<Handler>),
    /// `#[state]`, `#[event]` or `#[on(timeout)]`.
    Transition(Box<TransitionHandler>),
    Interceptor(Box<Interceptor>),
    Hook(Box<Hook>),
    /// `#[rpc]` on an `async fn`.
    Call,
    /// A method with an attribute that is reported.
    Unusable,
}

/// The thread that a body runs on.
#[derive(Clone, Copy)]
pub(crate) enum RunsOn<'a> {
    EventLoop,
    PoolThread {
        worker: Option<&'a Ident>,
    },
    /// The thread of the caller, or it is unknown.
    Unknown,
}

impl<'a> RunsOn<'a> {
    pub(super) fn of(role: &'a Role, function: &Function) -> Self {
        match (role, function.sig.asyncness) {
            (Role::Blocking(blocking), None) => {
                RunsOn::PoolThread { worker: blocking.worker.as_ref().and_then(Param::name) }
            }
            (Role::Blocking(_) | Role::Unusable, _) | (_, None) => RunsOn::Unknown,
            (_, Some(_)) if function.has_worker() => RunsOn::Unknown,
            (_, Some(_)) => RunsOn::EventLoop,
        }
    }
}

impl Method {
    /// The model of a method of a block, or of a standalone function.
    pub(crate) fn new(written: parse::Function, placement: &Placement, krate: Option<&Path>) -> Self {
        let parse::Function { attrs, own_attrs, vis, sig, body, incomplete, sink } = written;
        let mut function = Function::new(attrs, vis, sig, body);
        function.incomplete = incomplete;
        let names = own_attrs.iter().map(|attr| attr.name.clone()).collect();
        let paths = own_attrs.iter().filter_map(|attr| attr.path.clone()).collect();
        let (rpc, own_attrs) = take_rpc(own_attrs);
        let mut role = match role_attr(own_attrs, &function) {
            Some(attr) => role_from_attr(attr, &function, placement, krate),
            None if rpc.is_some() => Role::Call,
            None if function.is_helper() => Role::Helper,
            None => Role::Plain,
        };
        if let (Some(_), Role::Blocking(blocking)) = (&rpc, &mut role) {
            blocking.keep_result(&function);
            blocking.own_sender();
        }
        let blocking = match &role {
            Role::Blocking(blocking) => Some(&**blocking),
            _ => None,
        };
        let rpc = rpc.map(|options| Box::new(Rpc::new(options, &function, blocking)));
        function.misuses = misuse::of_method(&role, &function, placement);
        sink.only_under(function.cfgs().map(ToTokens::to_token_stream).collect());
        Method { function, role, rpc, own_attrs: names, paths, sink }
    }

    /// Whether it has more than one of our attributes, which is an error except for `#[rpc]` with
    /// `#[blocking]`.
    pub(crate) fn has_conflicting_attrs(&self) -> bool {
        let is_blocking_call =
            || self.own_attrs.len() == 2 && self.rpc.is_some() && matches!(self.role, Role::Blocking(_));
        self.own_attrs.len() > 1 && !is_blocking_call()
    }

    pub(crate) fn runs_on(&self) -> RunsOn<'_> {
        RunsOn::of(&self.role, &self.function)
    }

    /// Whether a `cfg` decides if the method exists.
    pub(crate) fn is_conditional(&self) -> bool {
        self.function.cfgs().next().is_some()
    }

    /// Makes a second method of the same name plain. The compiler reports it, and would report the
    /// functions generated for it too.
    pub(super) fn dedup_name(&mut self, names: &mut Vec<Ident>) {
        let name = &self.function.sig.ident;
        if self.is_conditional() {
            return;
        }
        if names.contains(name) {
            self.role = match std::mem::replace(&mut self.role, Role::Plain) {
                Role::Helper | Role::Blocking(_) => Role::Plain,
                other => other,
            };
        } else {
            names.push(name.clone());
        }
    }
}

/// Separates `#[rpc]`, which may be beside `#[blocking]`, from the attributes that give a role.
fn take_rpc(own_attrs: Vec<Attr>) -> (Option<RpcOptions>, Vec<Attr>) {
    let mut rpc = None;
    let mut others = Vec::new();
    for attr in own_attrs {
        match attr.args {
            // A second one is reported.
            AttrArgs::Rpc(options) => _ = rpc.get_or_insert(options),
            _ => others.push(attr),
        }
    }
    (rpc, others)
}

/// The attribute that gives the role. `check` reports a second one. While a method is being typed,
/// the attribute of the next one may be on it, so the last one that fits `async` or not is taken.
fn role_attr(mut own_attrs: Vec<Attr>, function: &Function) -> Option<Attr> {
    let is_blocking = |attr: &Attr| matches!(attr.args, AttrArgs::Blocking(_));
    let fits = |attr: &Attr| is_blocking(attr) != function.sig.asyncness.is_some();
    let fitting = own_attrs.iter().rposition(fits).unwrap_or_default();
    // If it is written twice, the second is reported.
    let same = |attr: &Attr| own_attrs.get(fitting).is_some_and(|fitting| attr.name == fitting.name);
    let index = own_attrs.iter().position(same).unwrap_or_default();
    (index < own_attrs.len()).then(|| own_attrs.swap_remove(index))
}

fn role_from_attr(attr: Attr, function: &Function, placement: &Placement, krate: Option<&Path>) -> Role {
    let Attr { name: _, path: _, args } = attr;
    match args {
        AttrArgs::Blocking(options) => {
            Role::Blocking(Box::new(Blocking::new(*options, function, placement, krate)))
        }
        AttrArgs::Request(options) => Role::Handler(Box::new(Handler::request(options, function, placement))),
        AttrArgs::Session(options) => Role::Handler(Box::new(Handler::session(options, function, placement))),
        AttrArgs::State(options) => {
            Role::Transition(Box::new(TransitionHandler::state(options, function, placement.states())))
        }
        AttrArgs::Event(options) => {
            Role::Transition(Box::new(TransitionHandler::event(options, function, placement.states())))
        }
        AttrArgs::Before => Role::Interceptor(Box::new(Interceptor::new(Side::Before, function, placement))),
        AttrArgs::After => Role::Interceptor(Box::new(Interceptor::new(Side::After, function, placement))),
        AttrArgs::On(options) => match options.events.first() {
            Some(KeyValue { value: HookEvent::Timeout, .. }) => {
                Role::Transition(Box::new(TransitionHandler::timeout(options, function, placement.states())))
            }
            _ => Role::Hook(Box::new(Hook::new(options, function, placement))),
        },
        AttrArgs::Rpc(_) => Role::Call,
        AttrArgs::Unusable => Role::Unusable,
    }
}
