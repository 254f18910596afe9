//! What depends on several methods of a block: it is decided once the role of each method is known.

use super::{Handler, Hook, Item, Method, Placement, Receiver, Role, StateEnum};
use crate::{
    attributes::AttrKind,
    parse::{HookEvent, RequestOptions},
    tokens::mentions,
};
use quote::ToTokens;
use syn::ext::IdentExt;

/// Makes a method with a misspelt attribute a handler. The compiler reports the attribute, and need
/// not report that there is no service.
pub(super) fn recover_misspelt_handler(items: &mut [Item], placement: &Placement) {
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

/// Finds the connection's value in `#[on(disconnect)]` hooks with one parameter.
pub(super) fn find_disconnect_values(items: &mut [Item], states: Option<&StateEnum>) {
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

/// Decides whether a parameter of the type `Reason` is the reason, because `#[on(connect)]` may
/// make a value of that name.
pub(super) fn find_disconnect_reasons(items: &mut [Item], states: Option<&StateEnum>) {
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

/// Makes the connection's value a shared reference in the interceptors of calls.
pub(super) fn share_conn(items: &mut [Item]) {
    for item in items {
        let Item::Method(method) = item else { continue };
        if let Role::Interceptor(interceptor) = &mut method.role {
            interceptor.share_conn(&method.function);
        }
    }
}

/// Marks the blocking methods whose second function has the name of another method. A `cfg` may
/// remove either.
pub(super) fn mark_name_conflicts(items: &mut [Item]) {
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

/// Whether the expansion of the method clones the `Arc` of the service.
pub(super) fn clones_service(item: &Item) -> bool {
    match item {
        Item::Method(method) => match method.role {
            Role::Handler(_) | Role::Transition(_) | Role::Call => true,
            Role::Helper | Role::Blocking(_) => !matches!(method.function.receiver, Receiver::None),
            Role::Plain | Role::Interceptor(_) | Role::Hook(_) | Role::Unusable => false,
        },
        Item::Other(_) | Item::Unparsed(_) => false,
    }
}
