//! A session as a state machine: its transitions.

use crate::{Description, Kind, Method, Role};

/// The state that ends the session.
const CLOSED: &str = "closed";

/// A transition of the state machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition<'a> {
    /// The state before; `None` for the start of the connection.
    pub from: Option<&'a str>,
    /// The state after.
    pub to: Target<'a>,
    /// The cause of the transition.
    pub trigger: Trigger<'a>,
}

/// The target of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// The state of this name.
    Named(&'a str),
    /// The end of the session.
    Closed,
    /// A state that the body does not name, which may be any.
    Unknown,
}

/// The cause of a transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger<'a> {
    /// The connection was accepted.
    Connected,
    /// A request.
    ByRequest,
    /// An event, handled by the method of this name.
    ByEvent(&'a str),
    /// A timeout, handled by the method of this name; `None` if it ends the session.
    TimedOut(Option<&'a str>),
    /// The method returned.
    Returned,
}

impl Trigger<'_> {
    /// The label of the edge, which is empty for a request.
    pub(crate) fn label(&self) -> &str {
        match self {
            Trigger::Connected | Trigger::Returned => "",
            Trigger::ByRequest => "",
            Trigger::ByEvent(name) => name,
            Trigger::TimedOut(_) => "timeout",
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Trigger::Connected => "connect",
            Trigger::ByRequest => "request",
            Trigger::ByEvent(_) => "event",
            Trigger::TimedOut(_) => "timeout",
            Trigger::Returned => "return",
        }
    }

    /// The method that handles it, if it is not the one of the state.
    pub(crate) fn by(&self) -> Option<&str> {
        match self {
            Trigger::ByEvent(name) => Some(name),
            Trigger::TimedOut(name) => *name,
            Trigger::Connected | Trigger::ByRequest | Trigger::Returned => None,
        }
    }
}

impl<'a> Description<'a> {
    /// The transitions, state by state.
    #[must_use]
    pub fn transitions(&self) -> Vec<Transition<'a>> {
        match self.kind() {
            Kind::PerState => self.state_machine(),
            Kind::PerRequest => {
                self.single_state(Role::OnRequest, |name| (Target::Named(name), Trigger::ByRequest))
            }
            Kind::PerSession => self.single_state(Role::OnSession, |_| (Target::Closed, Trigger::Returned)),
            Kind::PerCall | Kind::NoHandler => Vec::new(),
        }
    }

    /// The transitions of a machine with one state, named after the handler.
    fn single_state(
        &self,
        role: Role,
        goes: impl Fn(&'a str) -> (Target<'a>, Trigger<'a>),
    ) -> Vec<Transition<'a>> {
        let handlers = self.methods.iter().filter(|method| method.role == role);
        handlers
            .flat_map(|method| {
                let (to, trigger) = goes(method.name);
                let initial =
                    Transition { from: None, to: Target::Named(method.name), trigger: Trigger::Connected };
                [initial, Transition { from: Some(method.name), to, trigger }]
            })
            .collect()
    }

    fn state_machine(&self) -> Vec<Transition<'a>> {
        let mut edges = self.initial();
        for state in self.states() {
            let from = Some(state.name);
            let trigger = if state.events_only { Trigger::ByEvent(state.name) } else { Trigger::ByRequest };
            self.push_transitions(from, state, trigger, &mut edges);
            for method in self.methods.iter().filter(|method| method.states.contains(&state.name)) {
                match method.role {
                    Role::OnEvent => {
                        self.push_transitions(from, method, Trigger::ByEvent(method.name), &mut edges)
                    }
                    Role::OnTimeout => {
                        self.push_transitions(from, method, Trigger::TimedOut(Some(method.name)), &mut edges);
                    }
                    _ => {}
                }
            }
            let handled = edges.iter().any(|edge| edge.from == from && edge.trigger.name() == "timeout");
            let limited = state.idle.is_some() || state.max_duration.is_some();
            if limited && !handled {
                edges.push(Transition { from, to: Target::Closed, trigger: Trigger::TimedOut(None) });
            }
        }
        edges
    }

    /// The first transitions: to the states that `#[on(connect)]` names, or to the start state.
    fn initial(&self) -> Vec<Transition<'a>> {
        let mut edges = Vec::new();
        for method in self.methods.iter().filter(|method| method.role == Role::OnConnect) {
            self.push_transitions(None, method, Trigger::Connected, &mut edges);
        }
        if edges.is_empty() {
            let starts = self.states().filter(|state| state.start);
            edges.extend(starts.map(|state| {
                let to = Target::Named(state.name);
                Transition { from: None, to, trigger: Trigger::Connected }
            }));
        }
        edges
    }

    /// Adds a transition to each state that the body of `method` names, and one for states that it
    /// may not name.
    fn push_transitions(
        &self,
        from: Option<&'a str>,
        method: &'a Method<'a>,
        trigger: Trigger<'a>,
        edges: &mut Vec<Transition<'a>>,
    ) {
        let named = method.next.iter().filter_map(|name| match *name {
            CLOSED => Some(Target::Closed),
            name => self.states().find(|state| state.name == name).map(|state| Target::Named(state.name)),
        });
        let dynamic = method.dynamic.then_some(Target::Unknown);
        edges.extend(named.chain(dynamic).map(|to| Transition { from, to, trigger }));
    }
}
