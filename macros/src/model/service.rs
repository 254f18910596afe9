//! A `#[service]` block, and questions about it.

use super::{
    Handler, Hook, Interceptor, Method, NotOwned, Placement, Receiver, Role, Rpc, RpcTypes, Side, StateEnum,
    TransitionHandler, Trigger, find_borrow, is_concrete, misuse, peel, resolve, shared, variant,
};
use crate::{
    parse::{self, AttrArgs, KeyValue, ServiceOptions},
    report::ErrorSink,
};
use proc_macro2::{Ident, Span, TokenStream};
use syn::{GenericParam, Generics, ItemImpl, Path, Type};

/// A `#[service]` block.
pub(crate) struct Service {
    /// The `impl` block without its items.
    pub(crate) head: ItemImpl,
    /// The path of the facade, if `crate = ..` gives one.
    pub(crate) krate: Option<Path>,
    /// `request = ..`, `response = ..`.
    pub(crate) request: Option<KeyValue<Type>>,
    pub(crate) response: Option<KeyValue<Type>>,
    /// The key of `state(..)`. `states` exists if there is a `#[state]`.
    pub(crate) state_key: Option<Ident>,
    pub(crate) states: Option<StateEnum>,
    /// The keys of `rpc(..)`, `rpc = ..` and `max_in_flight`, with these texts. `rpc` exists if
    /// there is an `#[rpc]` method.
    pub(crate) rpc_keys: Vec<(Ident, &'static str)>,
    pub(crate) rpc: Option<RpcTypes>,
    /// The trait that the `#[rpc]` methods implement.
    pub(crate) rpc_trait: Option<KeyValue<Path>>,
    pub(crate) items: Vec<Item>,
    pub(crate) sink: ErrorSink,
}

pub(crate) enum Item {
    Method(Box<Method>),
    /// An item without a role, which is emitted as it is written.
    Other(TokenStream),
    /// An item that can't be parsed, which is emitted after all others.
    Unparsed(TokenStream),
}

impl Service {
    pub(crate) fn new(block: parse::Block) -> Self {
        let parse::Block { options, mut head, items, sink } = block;
        let states = states(&options, &head, &items, &sink);
        let rpc = rpc_types(&options, &head, &items, &sink);
        let ServiceOptions { krate, request, response, state, rpc: rpc_option, rpc_trait, max_in_flight } =
            options;
        let rpc_keys = [
            rpc_option.map(|keyed| (keyed.key, "rpc(..)")),
            rpc_trait.as_ref().map(|keyed| (keyed.key.clone(), "rpc = ..")),
            max_in_flight.map(|keyed| (keyed.key, "max_in_flight")),
        ];
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
                    if let Some(rpc) = &mut method.rpc {
                        rpc.is_of_trait = rpc_trait.is_some();
                    }
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
        resolve::recover_misspelt_handler(&mut items, &placement);
        resolve::find_disconnect_values(&mut items, states.as_ref());
        resolve::find_disconnect_reasons(&mut items, states.as_ref());
        resolve::mark_name_conflicts(&mut items);
        if rpc.is_some() {
            resolve::share_conn(&mut items);
        }
        misuse::find_in_calls(&mut items);
        if items.iter().any(resolve::clones_service) {
            shared::bound(&mut head);
        }
        Service {
            head,
            krate,
            request,
            response,
            state_key: state.map(|keyed| keyed.key),
            states,
            rpc_keys: rpc_keys.into_iter().flatten().collect(),
            rpc,
            rpc_trait,
            items,
            sink,
        }
    }

    /// The reason why the type can't be owned, if a method in the block has to own the service.
    pub(crate) fn borrowed(&self) -> Option<NotOwned<'_>> {
        let serves = |method: &Method| {
            matches!(method.role, Role::Handler(_) | Role::Transition(_)) || method.rpc.is_some()
        };
        let owns = |method: &Method| match method.role {
            _ if method.rpc.is_some() => true,
            Role::Blocking(_) => !matches!(method.function.receiver, Receiver::None),
            _ => serves(method),
        };
        let ty = &*self.head.self_ty;
        // A trait object can own jobs, but can't be a service.
        let object = matches!(ty, Type::TraitObject(_)).then_some(NotOwned::Object(ty));
        let object =
            || object.filter(|_| self.methods().any(|method| serves(method) && !method.is_conditional()));
        find_borrow(ty).map(NotOwned::Type).filter(|_| self.methods().any(owns)).or_else(object)
    }

    /// Whether the data of the states names no parameter of the block, so that a constant can tell
    /// what is a state.
    pub(crate) fn has_concrete_states(&self) -> bool {
        let params = params(&self.head.generics);
        let mut data = self.state_handlers().flat_map(|(_, transition)| &transition.data);
        data.all(|param| is_concrete(&param.written.ty, &params))
    }

    /// Whether part of the block is being typed. The compiler has reported that, and missing parts
    /// may be next.
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

    /// The `#[state]`, `#[event]` and `#[on(timeout)]` methods.
    pub(crate) fn transition_handlers(&self) -> impl Iterator<Item = (&Method, &TransitionHandler)> {
        self.methods().filter_map(|method| match &method.role {
            Role::Transition(transition) => Some((method, &**transition)),
            _ => None,
        })
    }

    /// The `#[state]` methods, whose names are the names of the states.
    pub(crate) fn state_handlers(&self) -> impl Iterator<Item = (&Method, &TransitionHandler)> {
        self.transition_handlers().filter(|(_, transition)| matches!(transition.trigger, Trigger::State(_)))
    }

    /// The `#[rpc]` methods.
    pub(crate) fn rpc_methods(&self) -> impl Iterator<Item = (&Method, &Rpc)> {
        self.methods().filter_map(|method| match (&method.role, &method.rpc) {
            (Role::Call | Role::Blocking(_), Some(rpc)) => Some((method, &**rpc)),
            _ => None,
        })
    }

    /// The name of the service, if `rpc(name = ..)` gives it to a generated type too.
    pub(crate) fn generated_twice(&self) -> Option<&Ident> {
        let RpcTypes { call, reply, peer, client, .. } = self.rpc.as_ref()?;
        let ident = type_ident(&self.head.self_ty)?;
        [call, reply, peer, client].into_iter().any(|generated| generated == ident).then_some(ident)
    }

    /// Whether a method of the block handles what clients send.
    pub(crate) fn has_handlers(&self) -> bool {
        self.states.is_some() || self.rpc.is_some() || self.handlers().next().is_some()
    }

    /// All variants of the enum of the states.
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

    /// The interceptors without errors: one, or several whose `cfg`s exclude each other.
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

/// The type and const parameters of a block.
pub(crate) fn params(generics: &Generics) -> Vec<Ident> {
    let name = |param: &GenericParam| match param {
        GenericParam::Type(param) => Some(param.ident.clone()),
        GenericParam::Const(param) => Some(param.ident.clone()),
        GenericParam::Lifetime(_) => None,
    };
    generics.params.iter().filter_map(name).collect()
}

/// The enum, if the block has states.
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

/// The types of the calls, if the block has `#[rpc]` methods.
fn rpc_types(
    options: &ServiceOptions,
    head: &ItemImpl,
    items: &[parse::Item],
    sink: &ErrorSink,
) -> Option<RpcTypes> {
    let is_rpc = |item: &parse::Item| match item {
        parse::Item::Fn(function) => {
            function.own_attrs.iter().any(|attr| matches!(attr.args, AttrArgs::Rpc(_)))
        }
        parse::Item::Other(_) | parse::Item::Unparsed(_) => false,
    };
    let written = options.rpc_types(sink);
    let max_in_flight = options.max_in_flight.as_ref().map(|keyed| keyed.value.clone());
    let name = type_ident(&head.self_ty).cloned().unwrap_or_else(|| Ident::new("Rpc", Span::call_site()));
    items.iter().any(is_rpc).then(|| RpcTypes::new(written, max_in_flight, &name))
}

/// `Thumbnails` of `thumbnails::Thumbnails<S>`.
fn type_ident(ty: &Type) -> Option<&Ident> {
    match peel(ty) {
        Type::Path(path) => path.path.segments.last().map(|last| &last.ident),
        _ => None,
    }
}

/// The name of the service in the names of its jobs.
pub(crate) fn type_name(ty: &Type) -> String {
    type_ident(ty).map(Ident::to_string).unwrap_or_default()
}
