//! Who calls whom across threads.

use crate::{Description, Method, World};

/// A call of one method by another, as far as a body names it: `self.name(..)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The method whose body it stands in.
    pub from: &'a str,
    /// The method that it names.
    pub to: &'a str,
    /// What lies between the two.
    pub crossing: Crossing,
}

/// What lies between a method and the one that it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Crossing {
    /// To a thread of a pool: an `Offload`.
    ToThread,
    /// From a thread to the loop: `.wait(worker)`.
    ToLoop,
    /// Nothing: both run in the same place.
    Inside,
}

impl Crossing {
    /// `offload`, `portal` or `plain`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Crossing::ToThread => "offload",
            Crossing::ToLoop => "portal",
            Crossing::Inside => "plain",
        }
    }

    /// How it is written between two methods that run in these places.
    pub(crate) fn written(self, from: World) -> &'static str {
        match (self, from) {
            (Crossing::Inside, _) => "",
            (_, World::Threads) => ".wait(worker)",
            _ => ".await",
        }
    }
}

impl<'a> Description<'a> {
    /// What bodies call, method by method, where both are there.
    #[must_use]
    pub fn calls(&self) -> Vec<Call<'a>> {
        let of = |caller: &'a Method<'a>| caller.calls.iter().filter_map(move |name| self.call(caller, name));
        self.methods.iter().flat_map(of).collect()
    }

    /// The methods on the loop that have a part in this: those that call, or are called.
    pub(crate) fn callers(&self) -> Vec<&'a Method<'a>> {
        let calls = self.calls();
        let has_part = |name| calls.iter().any(|call| call.from == name || call.to == name);
        self.methods
            .iter()
            .filter(|method| method.world() != World::Threads && has_part(method.name))
            .collect()
    }

    fn call(&self, caller: &'a Method<'a>, name: &str) -> Option<Call<'a>> {
        let body = name.strip_prefix("blocking_").and_then(|own| self.method(own));
        let (callee, here) = match (self.method(name), body) {
            (Some(callee), _) => (callee, false),
            (None, Some(callee)) => (callee, true),
            (None, None) => return None,
        };
        let crossing = match (caller.world(), callee.world()) {
            _ if here => Crossing::Inside,
            (_, World::Threads) => Crossing::ToThread,
            (World::Threads, _) => Crossing::ToLoop,
            _ => Crossing::Inside,
        };
        Some(Call { from: caller.name, to: callee.name, crossing })
    }
}
