//! The session as a machine: what leads from where to where.

use crate::{Description, Kind, Method, Role};

/// The state that ends the session.
const CLOSED: &str = "closed";

/// An edge of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition<'a> {
    /// The state before; none: the connection begins.
    pub from: Option<&'a str>,
    /// The state after.
    pub to: Target<'a>,
    /// What makes the session move.
    pub cause: Cause<'a>,
}

/// Where a transition leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// To the state of this name.
    Named(&'a str),
    /// To the end of the session.
    Closed,
    /// To what the body does not name: any state.
    Dynamic,
}

/// What makes a session move on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause<'a> {
    /// The connection is there.
    Connected,
    /// A request.
    Asked,
    /// An event, handled by the method of this name.
    Posted(&'a str),
    /// The state's time is over: handled by the method of this name, or the end of the session.
    TimedOut(Option<&'a str>),
    /// The method returned.
    Returned,
}

impl Cause<'_> {
    /// What the edge is called; a request has no name.
    pub(crate) fn label(&self) -> &str {
        match self {
            Cause::Connected | Cause::Returned => "",
            Cause::Asked => "",
            Cause::Posted(name) => name,
            Cause::TimedOut(_) => "timeout",
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Cause::Connected => "connect",
            Cause::Asked => "request",
            Cause::Posted(_) => "event",
            Cause::TimedOut(_) => "timeout",
            Cause::Returned => "return",
        }
    }

    /// The method that handles it, if it is not the state's own.
    pub(crate) fn by(&self) -> Option<&str> {
        match self {
            Cause::Posted(name) => Some(name),
            Cause::TimedOut(name) => *name,
            Cause::Connected | Cause::Asked | Cause::Returned => None,
        }
    }
}

impl<'a> Description<'a> {
    /// The edges of the session's machine, state by state.
    #[must_use]
    pub fn transitions(&self) -> Vec<Transition<'a>> {
        match self.kind() {
            Kind::PerState => self.machine(),
            Kind::PerRequest => self.one(Role::OnRequest, |name| (Target::Named(name), Cause::Asked)),
            Kind::PerSession => self.one(Role::OnSession, |_| (Target::Closed, Cause::Returned)),
            Kind::NoHandler => Vec::new(),
        }
    }

    /// A machine of one state, called as its handler.
    fn one(&self, role: Role, goes: impl Fn(&'a str) -> (Target<'a>, Cause<'a>)) -> Vec<Transition<'a>> {
        let handlers = self.methods.iter().filter(|method| method.role == role);
        handlers
            .flat_map(|method| {
                let (to, cause) = goes(method.name);
                let begins =
                    Transition { from: None, to: Target::Named(method.name), cause: Cause::Connected };
                [begins, Transition { from: Some(method.name), to, cause }]
            })
            .collect()
    }

    fn machine(&self) -> Vec<Transition<'a>> {
        let mut edges = self.begins();
        for state in self.states() {
            let from = Some(state.name);
            self.leads(from, state, Cause::Asked, &mut edges);
            for method in self.methods.iter().filter(|method| method.states.contains(&state.name)) {
                match method.role {
                    Role::OnEvent => self.leads(from, method, Cause::Posted(method.name), &mut edges),
                    Role::OnTimeout => {
                        self.leads(from, method, Cause::TimedOut(Some(method.name)), &mut edges);
                    }
                    _ => {}
                }
            }
            let handled = edges.iter().any(|edge| edge.from == from && edge.cause.name() == "timeout");
            let limited = state.idle.is_some() || state.max_duration.is_some();
            if limited && !handled {
                edges.push(Transition { from, to: Target::Closed, cause: Cause::TimedOut(None) });
            }
        }
        edges
    }

    /// A session begins where `#[on(connect)]` says, and otherwise in the start state.
    fn begins(&self) -> Vec<Transition<'a>> {
        let mut edges = Vec::new();
        for method in self.methods.iter().filter(|method| method.role == Role::OnConnect) {
            self.leads(None, method, Cause::Connected, &mut edges);
        }
        if edges.is_empty() {
            let starts = self.states().filter(|state| state.start);
            edges.extend(starts.map(|state| {
                let to = Target::Named(state.name);
                Transition { from: None, to, cause: Cause::Connected }
            }));
        }
        edges
    }

    /// What the body of `method` names, as far as it is there, and what it does not.
    fn leads(
        &self,
        from: Option<&'a str>,
        method: &'a Method<'a>,
        cause: Cause<'a>,
        edges: &mut Vec<Transition<'a>>,
    ) {
        let named = method.next.iter().filter_map(|name| match *name {
            CLOSED => Some(Target::Closed),
            name => self.states().find(|state| state.name == name).map(|state| Target::Named(state.name)),
        });
        let dynamic = method.dynamic.then_some(Target::Dynamic);
        edges.extend(named.chain(dynamic).map(|to| Transition { from, to, cause }));
    }
}
