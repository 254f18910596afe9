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
    State(&'a str),
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
    Connect,
    /// A request.
    Request,
    /// An event, handled by the method of this name.
    Event(&'a str),
    /// The state's time is over: handled by the method of this name, or the end of the session.
    Timeout(Option<&'a str>),
    /// The method returned.
    Return,
}

impl Cause<'_> {
    /// What the edge is called; a request has no name.
    pub(crate) fn label(&self) -> &str {
        match self {
            Cause::Connect | Cause::Return => "",
            Cause::Request => "",
            Cause::Event(name) => name,
            Cause::Timeout(_) => "timeout",
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Cause::Connect => "connect",
            Cause::Request => "request",
            Cause::Event(_) => "event",
            Cause::Timeout(_) => "timeout",
            Cause::Return => "return",
        }
    }

    /// The method that handles it, if it is not the state's own.
    pub(crate) fn by(&self) -> Option<&str> {
        match self {
            Cause::Event(name) => Some(name),
            Cause::Timeout(name) => *name,
            Cause::Connect | Cause::Request | Cause::Return => None,
        }
    }
}

impl<'a> Description<'a> {
    /// The edges of the session's machine, state by state.
    #[must_use]
    pub fn transitions(&self) -> Vec<Transition<'a>> {
        match self.kind() {
            Kind::States => self.machine(),
            Kind::Request => self.one(Role::Request, |name| (Target::State(name), Cause::Request)),
            Kind::Session => self.one(Role::Session, |_| (Target::Closed, Cause::Return)),
            Kind::None => Vec::new(),
        }
    }

    /// A machine of one state, called as its handler.
    fn one(&self, role: Role, goes: impl Fn(&'a str) -> (Target<'a>, Cause<'a>)) -> Vec<Transition<'a>> {
        let handlers = self.methods.iter().filter(|method| method.role == role);
        handlers
            .flat_map(|method| {
                let (to, cause) = goes(method.name);
                let begins = Transition { from: None, to: Target::State(method.name), cause: Cause::Connect };
                [begins, Transition { from: Some(method.name), to, cause }]
            })
            .collect()
    }

    fn machine(&self) -> Vec<Transition<'a>> {
        let mut edges = self.begins();
        for state in self.states() {
            let from = Some(state.name);
            self.leads(from, state, Cause::Request, &mut edges);
            for method in self.methods.iter().filter(|method| method.states.contains(&state.name)) {
                match method.role {
                    Role::Event => self.leads(from, method, Cause::Event(method.name), &mut edges),
                    Role::Timeout => {
                        self.leads(from, method, Cause::Timeout(Some(method.name)), &mut edges);
                    }
                    _ => {}
                }
            }
            let handled = edges.iter().any(|edge| edge.from == from && edge.cause.name() == "timeout");
            let limited = state.idle.is_some() || state.within.is_some();
            if limited && !handled {
                edges.push(Transition { from, to: Target::Closed, cause: Cause::Timeout(None) });
            }
        }
        edges
    }

    /// A session begins where `#[on(connect)]` says, and otherwise in the start state.
    fn begins(&self) -> Vec<Transition<'a>> {
        let mut edges = Vec::new();
        for method in self.methods.iter().filter(|method| method.role == Role::Connect) {
            self.leads(None, method, Cause::Connect, &mut edges);
        }
        if edges.is_empty() {
            let starts = self.states().filter(|state| state.start);
            edges.extend(starts.map(|state| {
                let to = Target::State(state.name);
                Transition { from: None, to, cause: Cause::Connect }
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
            name => self.states().find(|state| state.name == name).map(|state| Target::State(state.name)),
        });
        let dynamic = method.dynamic.then_some(Target::Dynamic);
        edges.extend(named.chain(dynamic).map(|to| Transition { from, to, cause }));
    }
}
