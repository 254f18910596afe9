//! The calls between methods, and the threads that they cross.

use crate::{Description, Method, RunsOn};

/// A call of one method by another, as `self.name(..)` in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The calling method.
    pub from: &'a str,
    /// The called method.
    pub to: &'a str,
    /// The crossing between their threads.
    pub crossing: Crossing,
}

/// The crossing between the threads of caller and callee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Crossing {
    /// From the event loop to a pool thread: an `Offload`.
    ToPool,
    /// None: a pool thread polls the future of an async method itself, by `.wait(worker)`.
    InPlace,
    /// None: a plain call.
    SameThread,
}

impl Crossing {
    /// `offload`, `wait` or `plain`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Crossing::ToPool => "offload",
            Crossing::InPlace => "wait",
            Crossing::SameThread => "plain",
        }
    }

    /// The syntax of such a call from a method that runs there.
    pub(crate) fn call_syntax(self, from: RunsOn) -> &'static str {
        match (self, from) {
            (Crossing::SameThread, _) => "",
            (_, RunsOn::PoolThread) => ".wait(worker)",
            _ => ".await",
        }
    }
}

impl<'a> Description<'a> {
    /// The calls between methods of the service, caller by caller.
    #[must_use]
    pub fn calls(&self) -> Vec<Call<'a>> {
        let of = |caller: &'a Method<'a>| caller.calls.iter().filter_map(move |name| self.call(caller, name));
        self.methods.iter().flat_map(of).collect()
    }

    /// The methods on the event loop that call another method, or are called.
    pub(crate) fn callers(&self) -> Vec<&'a Method<'a>> {
        let calls = self.calls();
        let has_part = |name| calls.iter().any(|call| call.from == name || call.to == name);
        self.methods
            .iter()
            .filter(|method| method.runs_on() != RunsOn::PoolThread && has_part(method.name))
            .collect()
    }

    fn call(&self, caller: &'a Method<'a>, name: &str) -> Option<Call<'a>> {
        let body = name.strip_prefix("blocking_").and_then(|own| self.method(own));
        let (callee, here) = match (self.method(name), body) {
            (Some(callee), _) => (callee, false),
            (None, Some(callee)) => (callee, true),
            (None, None) => return None,
        };
        let crossing = match (caller.runs_on(), callee.runs_on()) {
            _ if here => Crossing::SameThread,
            (_, RunsOn::PoolThread) => Crossing::ToPool,
            (RunsOn::PoolThread, _) => Crossing::InPlace,
            _ => Crossing::SameThread,
        };
        Some(Call { from: caller.name, to: callee.name, crossing })
    }
}
