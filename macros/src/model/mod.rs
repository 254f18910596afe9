//! What is meant: the role of each method, and of each of its parameters.
//!
//! Nothing is reported here. What fits no role is kept (`unmatched`, `Option`s) for
//! [`check`](crate::check) to report, and [`expand`](crate::expand) has a replacement for each
//! method with errors.
//!
//! | file | model of |
//! |---|---|
//! | `function`, `params`, `return_kind`, `borrow` | signatures |
//! | `blocking`, `handler`, `machine`, `rpc`, `interceptor`, `hook` | one role each |
//! | `method`, `resolve` | the choice of a role, and what depends on other methods |
//! | `misuse`, `next_states`, `body_callee` | what bodies name |
//! | `service`, `connect`, `response`, `shared`, `description` | the block as a whole |
//! | `rpc_trait` | a trait under `#[rpc]` |

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
mod method;
mod misuse;
mod next_states;
mod params;
mod resolve;
mod response;
mod return_kind;
mod rpc;
mod rpc_trait;
mod service;
mod shared;

pub(crate) use blocking::Blocking;
pub(crate) use body_callee::{BodyCallee, BodyCopy, first_static};
pub(crate) use borrow::{Borrow, NotOwned, find as find_borrow, sized_form};
pub(crate) use connect::{ConnectOutput, connect_output};
pub(crate) use description::{MethodDescription, summary};
pub(crate) use function::{Function, Param, Placement, Receiver, Shape, peel};
pub(crate) use handler::{Handler, HandlerKind, SessionTypes};
pub(crate) use hook::Hook;
pub(crate) use interceptor::{Interceptor, Side};
pub(crate) use machine::{ReturnShape, StateEnum, TransitionHandler, Trigger, no_variant, variant};
pub(crate) use method::{Method, Role, RunsOn};
pub(crate) use misuse::{Misuse, is_taken_apart, owned_form};
pub(crate) use next_states::{NextStates, next_states};
pub(crate) use response::{element_response, named_response, several_responses, unconditional_first};
pub(crate) use return_kind::{ReturnKind, is_concrete, is_of_std};
pub(crate) use rpc::{Reply, Rpc, RpcTypes, sender_item};
pub(crate) use rpc_trait::CallTrait;
pub(crate) use service::{Item, Service, params, type_name};

#[cfg(test)]
mod tests;
