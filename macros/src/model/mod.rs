//! What was meant: which role each method has, and each of its parameters.
//!
//! Nothing is reported here. What has no place in a role is kept beside it (`strays`, `Option`s)
//! for [`check`](crate::check) to judge; [`expand`](crate::expand) falls back where a method's sink
//! is not clean.

mod around;
mod blocking;
mod calls;
mod connect;
mod description;
mod function;
mod handed;
mod handler;
mod hook;
mod loan;
mod machine;
mod misread;
mod outcome;
mod place;
mod response;
mod roles;
mod shared;
mod spawned;
mod targets;

pub(crate) use around::{Around, Side};
pub(crate) use blocking::{Blocking, Limit, mentions};
pub(crate) use calls::owned_form;
pub(crate) use connect::{Made, made};
pub(crate) use description::{Described, first_line};
pub(crate) use function::{Function, Host, Param, Receiver, Shape, peel};
pub(crate) use handler::{Handler, HandlerKind, SessionTypes};
pub(crate) use hook::Hook;
pub(crate) use loan::{Loan, Unowned, find as loan};
pub(crate) use machine::{Cause, Gives, Move, StateEnum, no_variant, variant};
pub(crate) use misread::{Misreading, is_taken_apart};
pub(crate) use outcome::{Outcome, is_concrete, is_of_std};
pub(crate) use place::{BodyCopy, Place, first_static};
pub(crate) use response::{in_any_case, named_response};
pub(crate) use targets::{Targets, targets};

use self::handed::Job;
use crate::{
    names::Word,
    parse::{self, Event, Keyed, Mark, MarkKind, RequestOptions, ServiceOptions},
    report::Sink,
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
    pub(crate) request: Option<Keyed<Type>>,
    pub(crate) response: Option<Keyed<Type>>,
    /// `state(..)`, and what it says; there is an enum where there is a state.
    pub(crate) state_key: Option<Ident>,
    pub(crate) states: Option<StateEnum>,
    pub(crate) items: Vec<Item>,
    pub(crate) sink: Sink,
}

pub(crate) enum Item {
    Method(Box<Method>),
    /// Opaque, like bodies: emitted as it came.
    Other(TokenStream),
    /// What can't be read: emitted as it came, behind all that can.
    Unread(TokenStream),
}

/// A function and what it is for.
pub(crate) struct Method {
    pub(crate) function: Function,
    pub(crate) role: Role,
    /// Our attributes on it, by name: more than one is a mistake.
    pub(crate) marks: Vec<Ident>,
    /// The paths of those that may not be ours.
    pub(crate) paths: Vec<Path>,
    pub(crate) sink: Sink,
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
    Move(Box<Move>),
    Around(Box<Around>),
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
        let host = Host::Service {
            name: type_name(&head.self_ty),
            states: states.map(Box::new),
            params: params(&head.generics),
        };
        let mut names: Vec<Ident> = Vec::new();
        let mut items: Vec<Item> = items
            .into_iter()
            .map(|item| match item {
                parse::Item::Fn(function) => {
                    let mut method = Method::new(*function, &host, krate.as_ref());
                    method.stands_alone(&mut names);
                    method.function.levels.clone_from(&head.attrs);
                    Item::Method(Box::new(method))
                }
                parse::Item::Other(tokens) => Item::Other(tokens),
                parse::Item::Unread(tokens) => Item::Unread(tokens),
            })
            .collect();
        let states = match host {
            Host::Service { states, .. } => states.map(|states| *states),
            Host::Alone => None,
        };
        let host = Host::Service { name: String::new(), states: None, params: params(&head.generics) };
        misspelt(&mut items, &host);
        last_values(&mut items, states.as_ref());
        reasons(&mut items, states.as_ref());
        twins(&mut items);
        handed(&mut items);
        called(&mut items);
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
    pub(crate) fn borrowed(&self) -> Option<Unowned<'_>> {
        let serves = |method: &Method| matches!(method.role, Role::Handler(_) | Role::Move(_));
        let owns = |method: &Method| match method.role {
            Role::Blocking(_) => !matches!(method.function.receiver, Receiver::None),
            _ => serves(method),
        };
        let ty = &*self.head.self_ty;
        // An object can own jobs, but not be a service.
        let object = matches!(ty, Type::TraitObject(_)).then_some(Unowned::Object(ty));
        let object =
            || object.filter(|_| self.methods().any(|method| serves(method) && !method.is_conditional()));
        loan(ty).map(Unowned::Type).filter(|_| self.methods().any(owns)).or_else(object)
    }

    /// The states keep nothing of the block's parameters, so that a constant can tell what is one.
    pub(crate) fn has_concrete_states(&self) -> bool {
        let params = params(&self.head.generics);
        let mut data = self.state_handlers().flat_map(|(_, step)| &step.data);
        data.all(|param| is_concrete(&param.written.ty, &params))
    }

    /// Something is being written: a rule that it breaks the compiler knows, and what it lacks may
    /// be on its way.
    pub(crate) fn is_half_written(&self) -> bool {
        self.items.iter().any(|item| match item {
            Item::Method(method) => method.function.half.as_ref().is_some_and(|half| half.is_reported),
            Item::Unread(tokens) => !parse::ends_as_an_item(tokens),
            Item::Other(_) => false,
        })
    }

    pub(crate) fn methods(&self) -> impl Iterator<Item = &Method> {
        self.items.iter().filter_map(|item| match item {
            Item::Method(method) => Some(&**method),
            Item::Other(_) | Item::Unread(_) => None,
        })
    }

    pub(crate) fn handlers(&self) -> impl Iterator<Item = (&Method, &Handler)> {
        self.methods().filter_map(|method| match &method.role {
            Role::Handler(handler) => Some((method, &**handler)),
            _ => None,
        })
    }

    /// Of `#[state]`, `#[event]` and `#[on(timeout)]`.
    pub(crate) fn moves(&self) -> impl Iterator<Item = (&Method, &Move)> {
        self.methods().filter_map(|method| match &method.role {
            Role::Move(step) => Some((method, &**step)),
            _ => None,
        })
    }

    /// `#[state]`s: their names are those of the states.
    pub(crate) fn state_handlers(&self) -> impl Iterator<Item = (&Method, &Move)> {
        self.moves().filter(|(_, step)| matches!(step.cause, Cause::Request(_)))
    }

    /// All of the enum of the states.
    pub(crate) fn variants(&self) -> Vec<Ident> {
        let closed = Ident::new("Closed", Span::call_site());
        self.state_handlers().map(|(method, _)| variant(&method.function.sig.ident)).chain([closed]).collect()
    }

    pub(crate) fn arounds(&self, side: Side) -> impl Iterator<Item = (&Method, &Around)> {
        self.methods().filter_map(move |method| match &method.role {
            Role::Around(around) if around.side == side => Some((method, &**around)),
            _ => None,
        })
    }

    /// Those of them with which all is well: one, or several whose `cfg`s exclude each other.
    pub(crate) fn sound_arounds(&self, side: Side) -> impl Iterator<Item = (&Method, &Around)> {
        self.arounds(side).filter(|(method, _)| method.sink.is_clean())
    }

    pub(crate) fn hooks(&self) -> impl Iterator<Item = (&Method, &Hook)> {
        self.methods().filter_map(|method| match &method.role {
            Role::Hook(hook) => Some((method, &**hook)),
            _ => None,
        })
    }
}

impl Method {
    /// A method of a block, or a function under an attribute of ours that stands alone.
    pub(crate) fn new(written: parse::Function, host: &Host, krate: Option<&Path>) -> Self {
        let parse::Function { attrs, marks, vis, sig, body, half, sink } = written;
        let mut function = Function::new(attrs, vis, sig, body);
        function.half = half;
        let names = marks.iter().map(|mark| mark.name.clone()).collect();
        let paths = marks.iter().filter_map(|mark| mark.path.clone()).collect();
        let role = match meant(marks, &function) {
            Some(mark) => marked(mark, &function, host, krate),
            None if function.is_helper() => Role::Helper,
            None => Role::Plain,
        };
        function.misreadings = role.misreadings(&function, host);
        sink.only_under(function.cfgs().map(ToTokens::to_token_stream).collect());
        Method { function, role, marks: names, paths, sink }
    }

    /// Whether a `cfg` decides if it is there.
    pub(crate) fn is_conditional(&self) -> bool {
        self.function.cfgs().next().is_some()
    }

    /// Where its body runs.
    fn place(&self) -> calls::Place<'_> {
        match &self.role {
            Role::Blocking(blocking) if self.function.sig.asyncness.is_none() => {
                calls::Place::Thread { worker: blocking.worker.as_ref().and_then(Param::name) }
            }
            Role::Blocking(_) | Role::Unusable => calls::Place::Unknown,
            _ if self.function.sig.asyncness.is_some() && !self.function.has_worker() => calls::Place::Loop,
            _ => calls::Place::Unknown,
        }
    }

    /// A second method of a name is the compiler's to report: once, and not of what is generated
    /// for it as well.
    fn stands_alone(&mut self, names: &mut Vec<Ident>) {
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

impl Role {
    fn misreadings(&self, function: &Function, host: &Host) -> Vec<Misreading> {
        let in_service = matches!(host, Host::Service { .. });
        let body = || function.body.stream();
        let mut found = Vec::new();
        let worker = match self {
            Role::Blocking(blocking) => blocking.worker.as_ref().and_then(Param::name),
            _ => None,
        };
        if in_service && self.is_sugared(function) {
            found.extend(misread::find(body(), host.type_name()));
            // `&'static self` may go anywhere.
            if function.receiver.lifetime().is_none() {
                found.extend(spawned::find(body(), worker));
            }
        }
        if let Some(worker) = worker {
            found.extend(calls::sent(body(), worker));
            if function.output().is_none_or(is_of_std) {
                found.extend(calls::propagated(body(), worker));
            }
        }
        match (self, function.sig.asyncness) {
            (Role::Blocking(_), None) => found.extend(misread::awaits(body())),
            (role, Some(_))
                if in_service
                    && !function.has_worker()
                    && !matches!(role, Role::Blocking(_) | Role::Unusable) =>
            {
                found.extend(misread::waits(body()));
            }
            _ => {}
        }
        found
    }

    /// Here `&self` is `self: &Arc<Self>`.
    fn is_sugared(&self, function: &Function) -> bool {
        let crosses = function.sig.asyncness.is_some() || matches!(self, Role::Blocking(_));
        crosses && matches!(function.receiver, Receiver::Shared(_))
    }
}

/// A handler whose attribute is misspelt: the compiler says that there is no such attribute, and
/// need not say that there is no service.
fn misspelt(items: &mut [Item], host: &Host) {
    let is_handler = |method: &Method| matches!(method.role, Role::Handler(_) | Role::Move(_));
    if items
        .iter()
        .any(|item| matches!(item, Item::Method(method) if is_handler(method) || !method.marks.is_empty()))
    {
        return;
    }
    for item in items {
        let Item::Method(method) = item else { continue };
        let is_nearly = method.function.attrs.iter().any(|attr| Word::is_nearly_a_handler(attr.path()));
        if is_nearly && method.function.sig.asyncness.is_some() && method.function.half.is_none() {
            let handler = Handler::request(RequestOptions::default(), &method.function, host);
            method.role = Role::Handler(Box::new(handler));
            method.sink = method.sink.muted_child();
            return;
        }
    }
}

/// A method of which a handle to the service goes elsewhere.
fn owns(item: &Item) -> bool {
    match item {
        Item::Method(method) => match method.role {
            Role::Handler(_) | Role::Move(_) => true,
            Role::Helper | Role::Blocking(_) => !matches!(method.function.receiver, Receiver::None),
            Role::Plain | Role::Around(_) | Role::Hook(_) | Role::Unusable => false,
        },
        Item::Other(_) | Item::Unread(_) => false,
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
            Item::Other(_) | Item::Unread(_) => None,
        })
        .collect();
    let made: Vec<String> = hooks.iter().filter_map(|hook| hook.makes(states)).collect();
    hooks
        .iter_mut()
        .filter(|hook| hook.event == Some(Event::Disconnect))
        .for_each(|hook| hook.takes_only(&made));
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
            blocking.twin_taken = is_taken;
        }
    }
}

/// What `#[on(connect)]` makes may be called `Reason`.
fn reasons(items: &mut [Item], states: Option<&StateEnum>) {
    let of_user = items.iter().any(|item| match item {
        Item::Method(method) => match (&method.role, method.function.output()) {
            (Role::Hook(hook), Some(ty)) if hook.event == Some(Event::Connect) => {
                mentions(ty.to_token_stream(), "Reason")
            }
            _ => false,
        },
        Item::Other(_) | Item::Unread(_) => false,
    });
    let is_connect = |item: &Item| matches!(item, Item::Method(method) if matches!(&method.role, Role::Hook(hook) if hook.event == Some(Event::Connect)));
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

/// Calls of blocking methods that hand them the worker of the body that they stand in.
fn handed(items: &mut [Item]) {
    let jobs: Vec<Job> = items
        .iter()
        .filter_map(|item| match item {
            Item::Method(method) if !method.is_conditional() => Job::of(method),
            _ => None,
        })
        .collect();
    for item in items {
        let Item::Method(method) = item else { continue };
        let Role::Blocking(blocking) = &method.role else { continue };
        let Some(worker) = blocking.worker.as_ref().and_then(Param::name) else { continue };
        let found = handed::find(method.function.body.stream(), worker, &jobs);
        method.function.misreadings.extend(found);
    }
}

/// Calls of the block's own methods that can't be meant where they stand.
fn called(items: &mut [Item]) {
    let methods = |item: &Item| match item {
        Item::Method(method) => calls::Known::of(method),
        _ => None,
    };
    let known: Vec<calls::Known> = items.iter().filter_map(methods).collect();
    for item in items {
        let Item::Method(method) = item else { continue };
        let body = method.function.body.stream();
        let is_shared = matches!(method.function.receiver, Receiver::Shared(_) | Receiver::Arc(_));
        if !is_shared || method.function.half.is_some() {
            continue;
        }
        let found = calls::find(body.clone(), &method.place(), &known);
        method.function.misreadings.extend(found);
        method.function.misreadings.extend(calls::assigned(body));
    }
}

/// The attribute that gives the role; that there is a second one is for the check to say. The one
/// that is too many stands ahead of it where somebody is about to write a method there; and a
/// handler is async.
fn meant(mut marks: Vec<Mark>, function: &Function) -> Option<Mark> {
    let is_blocking = |mark: &Mark| matches!(mark.kind, MarkKind::Blocking(_));
    let fits = |mark: &Mark| is_blocking(mark) != function.sig.asyncness.is_some();
    let fitting = marks.iter().rposition(fits).unwrap_or_default();
    // Of one that is written twice, the second is the one to remove.
    let same = |mark: &Mark| marks.get(fitting).is_some_and(|fitting| mark.name == fitting.name);
    let index = marks.iter().position(same).unwrap_or_default();
    (index < marks.len()).then(|| marks.swap_remove(index))
}

fn marked(mark: Mark, function: &Function, host: &Host, krate: Option<&Path>) -> Role {
    let Mark { name: _, path: _, kind } = mark;
    match kind {
        MarkKind::Blocking(options) => {
            Role::Blocking(Box::new(Blocking::new(*options, function, host, krate)))
        }
        MarkKind::Request(options) => Role::Handler(Box::new(Handler::request(options, function, host))),
        MarkKind::Session(options) => Role::Handler(Box::new(Handler::session(options, function, host))),
        MarkKind::State(options) => Role::Move(Box::new(Move::state(options, function, host.states()))),
        MarkKind::Event(options) => Role::Move(Box::new(Move::event(options, function, host.states()))),
        MarkKind::Before => Role::Around(Box::new(Around::new(Side::Before, function, host))),
        MarkKind::After => Role::Around(Box::new(Around::new(Side::After, function, host))),
        MarkKind::On(options) => match options.events.first() {
            Some(Keyed { value: Event::Timeout, .. }) => {
                Role::Move(Box::new(Move::timeout(options, function, host.states())))
            }
            _ => Role::Hook(Box::new(Hook::new(options, function, host))),
        },
        MarkKind::Unusable => Role::Unusable,
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
    sink: &Sink,
) -> Option<StateEnum> {
    let is_state = |item: &parse::Item| match item {
        parse::Item::Fn(function) => {
            function.marks.iter().any(|mark| matches!(mark.kind, MarkKind::State(_)))
        }
        parse::Item::Other(_) | parse::Item::Unread(_) => false,
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
