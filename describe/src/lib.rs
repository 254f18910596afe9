//! The description of a service as a value, and its diagrams.
//!
//! Applications use it through `portcullis`, which re-exports it. It is a crate without
//! dependencies, because two crates need it: the macros print the diagrams for the docs, and the
//! runtime has the same value as a constant. So there is one printer for each format.
//!
//! A description has what is written in the `#[service]` block: names, options, first lines of
//! docs, and the states and methods that bodies name. Nothing is run, and types are text.

// No variant may have the name of a type that users write (`Offload`, `Session`, `Pool`): messages
// of rustc print only the last segment of a path as long as no other public item has that name.

#![forbid(unsafe_code)]

mod dot;
mod json;
mod machine;
mod mermaid;
mod method;
mod text;
mod threads;

pub use machine::{Target, Transition, Trigger};
pub use method::{Method, Role, RunsOn};
pub use threads::{Call, Crossing};

/// The description of a service. `Display` prints it as text, [`mermaid`](Self::mermaid) and
/// [`dot`](Self::dot) as a diagram, and [`json`](Self::json) in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description<'a> {
    /// The last segment of the service's type.
    pub service: &'a str,
    /// The first line of the docs of the block, or an empty string.
    pub doc: &'a str,
    /// The methods in the order of the block, without those that a `cfg` removes.
    pub methods: &'a [Method<'a>],
}

/// The kind of handlers of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// One `#[request]`, a state machine with one state.
    PerRequest,
    /// One `#[session]`, which handles the whole connection.
    PerSession,
    /// Any number of `#[state]`s.
    PerState,
    /// Any number of `#[rpc]` methods.
    PerCall,
    /// No handlers.
    NoHandler,
}

/// The kind of a diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chart {
    /// The states of a session, and the transitions between them.
    States,
    /// The methods by the threads that they run on, and the calls between them.
    Threads,
}

impl<'a> Description<'a> {
    /// Called by generated code.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(service: &'a str, doc: &'a str, methods: &'a [Method<'a>]) -> Self {
        Description { service, doc, methods }
    }

    /// The method of this name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&'a Method<'a>> {
        self.methods.iter().find(|method| method.name == name)
    }

    /// The kind of its handlers.
    #[must_use]
    pub fn kind(&self) -> Kind {
        let has = |role| self.methods.iter().any(|method| method.role == role);
        match () {
            () if has(Role::OnState) => Kind::PerState,
            () if has(Role::OnRequest) => Kind::PerRequest,
            () if has(Role::OnSession) => Kind::PerSession,
            () if self.rpc_methods().next().is_some() => Kind::PerCall,
            () => Kind::NoHandler,
        }
    }

    /// The `#[state]` methods. `closed` has none.
    pub fn states(&self) -> impl Iterator<Item = &'a Method<'a>> + use<'a> {
        self.methods.iter().filter(|method| method.role == Role::OnState)
    }

    /// The `#[rpc]` methods, which are [`Role::OnCall`], or [`Role::RunsOnPool`] if they are
    /// `#[blocking]` too.
    pub fn rpc_methods(&self) -> impl Iterator<Item = &'a Method<'a>> + use<'a> {
        self.methods.iter().filter(|method| method.wire_number.is_some())
    }

    /// `#[on(..)]`, `#[before]` and `#[after]`.
    pub fn hooks(&self) -> impl Iterator<Item = &'a Method<'a>> + use<'a> {
        self.methods.iter().filter(|method| method.role.is_hook())
    }

    /// The values of `pool = ..`, each once; `Pool::shared()` for methods without one.
    #[must_use]
    pub fn pools(&self) -> Vec<&'a str> {
        let mut pools = Vec::new();
        for pool in self.methods.iter().filter_map(Method::pool_name) {
            if !pools.contains(&pool) {
                pools.push(pool);
            }
        }
        pools
    }
}
