//! What was meant: which role each method has, and each of its parameters.
//!
//! Nothing is reported here. What has no place in a role is kept beside it (`strays`, `Option`s)
//! for [`check`](crate::check) to judge; [`expand`](crate::expand) falls back where a method's sink
//! is not clean.

mod blocking;
mod body_callee;
mod borrow;
mod connect;
mod description;
mod function;
mod handler;
mod hook;
mod interceptor;
mod machine;
mod misuse;
mod next_states;
mod params;
mod response;
mod return_kind;
mod shared;

pub(crate) use blocking::Blocking;
pub(crate) use body_callee::{BodyCallee, BodyCopy, first_static};
pub(crate) use borrow::{Borrow, NotOwned, find as find_borrow};
pub(crate) use connect::{ConnectOutput, connect_output};
pub(crate) use description::{MethodDescription, first_line};
pub(crate) use function::{Function, Param, Placement, Receiver, Shape, peel};
pub(crate) use handler::{Handler, HandlerKind, SessionTypes};
pub(crate) use hook::Hook;
pub(crate) use interceptor::{Interceptor, Side};
pub(crate) use machine::{ReturnShape, StateEnum, TransitionHandler, Trigger, no_variant, variant};
pub(crate) use misuse::{Misuse, is_taken_apart, owned_form};
pub(crate) use next_states::{NextStates, next_states};
pub(crate) use response::{named_response, unconditional_first};
pub(crate) use return_kind::{ReturnKind, is_concrete, is_of_std};

use crate::{
    attributes::AttrKind,
    parse::{self, Attr, AttrArgs, HookEvent, KeyValue, RequestOptions, ServiceOptions},
    report::ErrorSink,
    tokens::mentions,
};
use proc_macro2::{Ident, Span, TokenStream};
use quote::ToTokens;
use syn::{GenericParam, Generics, ItemImpl, Path, Type, ext::IdentExt};

/// A `#[service]` block.
pub(crate) struct Service {
    /// The `impl` block without its items.
    pub(crate) head: ItemImpl,
    /// How expansions name `portcullis`.
    pub(crate) krate: Option<Path>,
    /// `request = ..`, `response = ..`.
    pub(crate) request: Option<KeyValue<Type>>,
    pub(crate) response: Option<KeyValue<Type>>,
    /// `state(..)`, and what it says; there is an enum where there is a state.
    pub(crate) state_key: Option<Ident>,
    pub(crate) states: Option<StateEnum>,
    pub(crate) items: Vec<Item>,
    pub(crate) sink: ErrorSink,
}

pub(crate) enum Item {
    Method(Box<Method>),
    /// Opaque, like bodies: emitted as it came.
    Other(TokenStream),
    /// What can't be read: emitted as it came, behind all that can.
    Unparsed(TokenStream),
}

/// A function and what it is for.
pub(crate) struct Method {
    pub(crate) function: Function,
    pub(crate) role: Role,
    /// Our attributes on it, by name: more than one is a mistake.
    pub(crate) own_attrs: Vec<Ident>,
    /// The paths of those that may not be ours.
    pub(crate) paths: Vec<Path>,
    pub(crate) sink: ErrorSink,
}

pub(crate) enum Role {
    /// Untouched, but that an `async fn` reads `&self` as `self: &Arc<Self>`.
    Plain,
    /// An `async fn` that owns its arguments: its future can be spawned, and waited for from a
    /// thread.
    Helper,
    Blocking(Box<Blocking>),
    Handler(Box<Handler>),
    /// Of a state machine.
    Transition(Box<TransitionHandler>),
    Interceptor(Box<Interceptor>),
    Hook(Box<Hook>),
    /// Under an attribute that was reported already.
    Unusable,
}

impl Service {
    pub(crate) fn new(block: parse::Block) -> Self {
        let parse::Block { options, mut head, items, sink } = block;
        let states = states(&options, &head, &items, &sink);
        let ServiceOptions { krate, request, response, state } = options;
        let krate = krate.map(|keyed| keyed.value);
        let placement = Placement::Service {
            name: type_name(&head.self_ty),
            states: states.map(Box::new),
            params: params(&head.generics),
        };
        let mut names: Vec<Ident> = Vec::new();
        let mut items: Vec<Item> = items
            .into_iter()
            .map(|item| match item {
                parse::Item::Fn(function) => {
                    let mut method = Method::new(*function, &placement, krate.as_ref());
                    method.dedup_name(&mut names);
                    method.function.levels.clone_from(&head.attrs);
                    Item::Method(Box::new(method))
                }
                parse::Item::Other(tokens) => Item::Other(tokens),
                parse::Item::Unparsed(tokens) => Item::Unparsed(tokens),
            })
            .collect();
        let states = match placement {
            Placement::Service { states, .. } => states.map(|states| *states),
            Placement::Standalone => None,
        };
        let placement =
            Placement::Service { name: String::new(), states: None, params: params(&head.generics) };
        misspelt(&mut items, &placement);
        last_values(&mut items, states.as_ref());
        reasons(&mut items, states.as_ref());
        twins(&mut items);
        misuse::find_in_calls(&mut items);
        if items.iter().any(owns) {
            shared::bound(&mut head);
        }
        Service {
            head,
            krate,
            request,
            response,
            state_key: state.map(|keyed| keyed.key),
            states,
            items,
            sink,
        }
    }

    /// What keeps the service's type from being owned, if there is anything in the block that has
    /// to own the service.
    pub(crate) fn borrowed(&self) -> Option<NotOwned<'_>> {
        let serves = |method: &Method| matches!(method.role, Role::Handler(_) | Role::Transition(_));
        let owns = |method: &Method| match method.role {
            Role::Blocking(_) => !matches!(method.function.receiver, Receiver::None),
            _ => serves(method),
        };
        let ty = &*self.head.self_ty;
        // An object can own jobs, but not be a service.
        let object = matches!(ty, Type::TraitObject(_)).then_some(NotOwned::Object(ty));
        let object =
            || object.filter(|_| self.methods().any(|method| serves(method) && !method.is_conditional()));
        find_borrow(ty).map(NotOwned::Type).filter(|_| self.methods().any(owns)).or_else(object)
    }

    /// The states keep nothing of the block's parameters, so that a constant can tell what is one.
    pub(crate) fn has_concrete_states(&self) -> bool {
        let params = params(&self.head.generics);
        let mut data = self.state_handlers().flat_map(|(_, transition)| &transition.data);
        data.all(|param| is_concrete(&param.written.ty, &params))
    }

    /// Something is being written: a rule that it breaks the compiler knows, and what it lacks may
    /// be on its way.
    pub(crate) fn has_incomplete_fn(&self) -> bool {
        self.items.iter().any(|item| match item {
            Item::Method(method) => {
                method.function.incomplete.as_ref().is_some_and(|incomplete| incomplete.is_reported)
            }
            Item::Unparsed(tokens) => !parse::is_terminated(tokens),
            Item::Other(_) => false,
        })
    }

    pub(crate) fn methods(&self) -> impl Iterator<Item = &Method> {
        self.items.iter().filter_map(|item| match item {
            Item::Method(method) => Some(&**method),
            Item::Other(_) | Item::Unparsed(_) => None,
        })
    }

    pub(crate) fn handlers(&self) -> impl Iterator<Item = (&Method, &Handler)> {
        self.methods().filter_map(|method| match &method.role {
            Role::Handler(handler) => Some((method, &**handler)),
            _ => None,
        })
    }

    /// Of `#[state]`, `#[event]` and `#[on(timeout)]`.
    pub(crate) fn transition_handlers(&self) -> impl Iterator<Item = (&Method, &TransitionHandler)> {
        self.methods().filter_map(|method| match &method.role {
            Role::Transition(transition) => Some((method, &**transition)),
            _ => None,
        })
    }

    /// `#[state]`s: their names are those of the states.
    pub(crate) fn state_handlers(&self) -> impl Iterator<Item = (&Method, &TransitionHandler)> {
        self.transition_handlers().filter(|(_, transition)| matches!(transition.trigger, Trigger::Request(_)))
    }

    /// All of the enum of the states.
    pub(crate) fn variants(&self) -> Vec<Ident> {
        let closed = Ident::new("Closed", Span::call_site());
        self.state_handlers().map(|(method, _)| variant(&method.function.sig.ident)).chain([closed]).collect()
    }

    pub(crate) fn interceptors(&self, side: Side) -> impl Iterator<Item = (&Method, &Interceptor)> {
        self.methods().filter_map(move |method| match &method.role {
            Role::Interceptor(interceptor) if interceptor.side == side => Some((method, &**interceptor)),
            _ => None,
        })
    }

    /// Those of them with which all is well: one, or several whose `cfg`s exclude each other.
    pub(crate) fn valid_interceptors(&self, side: Side) -> impl Iterator<Item = (&Method, &Interceptor)> {
        self.interceptors(side).filter(|(method, _)| !method.sink.has_errors())
    }

    pub(crate) fn hooks(&self) -> impl Iterator<Item = (&Method, &Hook)> {
        self.methods().filter_map(|method| match &method.role {
            Role::Hook(hook) => Some((method, &**hook)),
            _ => None,
        })
    }
}

/// The thread that a body runs on.
#[derive(Clone, Copy)]
pub(crate) enum RunsOn<'a> {
    EventLoop,
    PoolThread {
        worker: Option<&'a Ident>,
    },
    /// The caller's, or it can't be told.
    Unknown,
}

impl<'a> RunsOn<'a> {
    fn of(role: &'a Role, function: &Function) -> Self {
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
    /// A method of a block, or a function under an attribute of ours that stands alone.
    pub(crate) fn new(written: parse::Function, placement: &Placement, krate: Option<&Path>) -> Self {
        let parse::Function { attrs, own_attrs, vis, sig, body, incomplete, sink } = written;
        let mut function = Function::new(attrs, vis, sig, body);
        function.incomplete = incomplete;
        let names = own_attrs.iter().map(|attr| attr.name.clone()).collect();
        let paths = own_attrs.iter().filter_map(|attr| attr.path.clone()).collect();
        let role = match role_attr(own_attrs, &function) {
            Some(attr) => role_from_attr(attr, &function, placement, krate),
            None if function.is_helper() => Role::Helper,
            None => Role::Plain,
        };
        function.misuses = misuse::of_method(&role, &function, placement);
        sink.only_under(function.cfgs().map(ToTokens::to_token_stream).collect());
        Method { function, role, own_attrs: names, paths, sink }
    }

    pub(crate) fn runs_on(&self) -> RunsOn<'_> {
        RunsOn::of(&self.role, &self.function)
    }

    /// Whether a `cfg` decides if it is there.
    pub(crate) fn is_conditional(&self) -> bool {
        self.function.cfgs().next().is_some()
    }

    /// A second method of a name is the compiler's to report: once, and not of what is generated
    /// for it as well.
    fn dedup_name(&mut self, names: &mut Vec<Ident>) {
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

/// A handler whose attribute is misspelt: the compiler says that there is no such attribute, and
/// need not say that there is no service.
fn misspelt(items: &mut [Item], placement: &Placement) {
    let is_handler = |method: &Method| matches!(method.role, Role::Handler(_) | Role::Transition(_));
    if items.iter().any(
        |item| matches!(item, Item::Method(method) if is_handler(method) || !method.own_attrs.is_empty()),
    ) {
        return;
    }
    for item in items {
        let Item::Method(method) = item else { continue };
        let is_nearly = method.function.attrs.iter().any(|attr| AttrKind::is_nearly_a_handler(attr.path()));
        if is_nearly && method.function.sig.asyncness.is_some() && method.function.incomplete.is_none() {
            let handler = Handler::request(RequestOptions::default(), &method.function, placement);
            method.role = Role::Handler(Box::new(handler));
            method.sink = method.sink.silenced_child();
            return;
        }
    }
}

/// A method of which a handle to the service goes elsewhere.
fn owns(item: &Item) -> bool {
    match item {
        Item::Method(method) => match method.role {
            Role::Handler(_) | Role::Transition(_) => true,
            Role::Helper | Role::Blocking(_) => !matches!(method.function.receiver, Receiver::None),
            Role::Plain | Role::Interceptor(_) | Role::Hook(_) | Role::Unusable => false,
        },
        Item::Other(_) | Item::Unparsed(_) => false,
    }
}

/// `#[on(disconnect)]` with the connection's value alone.
fn last_values(items: &mut [Item], states: Option<&StateEnum>) {
    let mut hooks: Vec<&mut Hook> = items
        .iter_mut()
        .filter_map(|item| match item {
            Item::Method(method) => match &mut method.role {
                Role::Hook(hook) => Some(&mut **hook),
                _ => None,
            },
            Item::Other(_) | Item::Unparsed(_) => None,
        })
        .collect();
    let connect_output: Vec<String> = hooks.iter().filter_map(|hook| hook.makes(states)).collect();
    hooks
        .iter_mut()
        .filter(|hook| hook.event == Some(HookEvent::Disconnect))
        .for_each(|hook| hook.takes_only(&connect_output));
}

/// Which blocking methods have a neighbour of the name of their second function; a `cfg` may take
/// either of them away.
fn twins(items: &mut [Item]) {
    let name = |method: &Method| method.function.sig.ident.unraw().to_string();
    let names: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            Item::Method(method) if !method.is_conditional() => Some(name(method)),
            _ => None,
        })
        .collect();
    for item in items {
        let Item::Method(method) = item else { continue };
        let is_taken = !method.is_conditional() && names.contains(&format!("blocking_{}", name(method)));
        if let Role::Blocking(blocking) = &mut method.role {
            blocking.has_name_conflict = is_taken;
        }
    }
}

/// What `#[on(connect)]` makes may be called `Reason`.
fn reasons(items: &mut [Item], states: Option<&StateEnum>) {
    let of_user = items.iter().any(|item| match item {
        Item::Method(method) => match (&method.role, method.function.output()) {
            (Role::Hook(hook), Some(ty)) if hook.event == Some(HookEvent::Connect) => {
                mentions(ty.to_token_stream(), "Reason")
            }
            _ => false,
        },
        Item::Other(_) | Item::Unparsed(_) => false,
    });
    let is_connect = |item: &Item| matches!(item, Item::Method(method) if matches!(&method.role, Role::Hook(hook) if hook.event == Some(HookEvent::Connect)));
    let valueless = states.is_none() && !items.iter().any(is_connect);
    for item in items {
        let Item::Method(method) = item else { continue };
        let Role::Hook(hook) = &mut method.role else { continue };
        if of_user {
            hook.doubt_reason();
        } else if valueless {
            hook.expect_reason();
        }
    }
}

/// The attribute that gives the role; that there is a second one is for the check to say. The one
/// that is too many stands ahead of it where somebody is about to write a method there; and a
/// handler is async.
fn role_attr(mut own_attrs: Vec<Attr>, function: &Function) -> Option<Attr> {
    let is_blocking = |attr: &Attr| matches!(attr.args, AttrArgs::Blocking(_));
    let fits = |attr: &Attr| is_blocking(attr) != function.sig.asyncness.is_some();
    let fitting = own_attrs.iter().rposition(fits).unwrap_or_default();
    // Of one that is written twice, the second is the one to remove.
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
        AttrArgs::Unusable => Role::Unusable,
    }
}

/// The type and const parameters.
pub(crate) fn params(generics: &Generics) -> Vec<Ident> {
    let name = |param: &GenericParam| match param {
        GenericParam::Type(param) => Some(param.ident.clone()),
        GenericParam::Const(param) => Some(param.ident.clone()),
        GenericParam::Lifetime(_) => None,
    };
    generics.params.iter().filter_map(name).collect()
}

/// The enum of a block that has states.
fn states(
    options: &ServiceOptions,
    head: &ItemImpl,
    items: &[parse::Item],
    sink: &ErrorSink,
) -> Option<StateEnum> {
    let is_state = |item: &parse::Item| match item {
        parse::Item::Fn(function) => {
            function.own_attrs.iter().any(|attr| matches!(attr.args, AttrArgs::State(_)))
        }
        parse::Item::Other(_) | parse::Item::Unparsed(_) => false,
    };
    let written = options.state_enum(sink);
    let name = type_ident(&head.self_ty).cloned().unwrap_or_else(|| Ident::new("Session", Span::call_site()));
    items.iter().any(is_state).then(|| StateEnum::new(written, &name))
}

/// `Thumbnails` of `thumbnails::Thumbnails<S>`.
fn type_ident(ty: &Type) -> Option<&Ident> {
    match peel(ty) {
        Type::Path(path) => path.path.segments.last().map(|last| &last.ident),
        _ => None,
    }
}

/// The name that jobs go by.
pub(crate) fn type_name(ty: &Type) -> String {
    type_ident(ty).map(Ident::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests;
