//! What a service is, as a value, and how it is drawn.
//!
//! Applications depend on `portcullis`, which re-exports this. It is a crate of its own, without
//! dependencies, because two need it: the macros draw a service for its docs while they expand, the
//! runtime has the same value as a constant. So there is one printer for each form, and no picture
//! that the other one contradicts.
//!
//! What is known is what stands in the block: names, options, first lines of docs, and what bodies
//! name. Nothing is run, and types are text.

// No variant has the name of a type that people write (`Offload`, `Session`, `Pool`): rustc's
// messages shorten a path to its last name only while no other public item is called so.

#![forbid(unsafe_code)]

mod dot;
mod json;
mod machine;
mod mermaid;
mod method;
mod text;
mod threads;

pub use machine::{Cause, Target, Transition};
pub use method::{Method, Role, World};
pub use threads::{Call, Crossing};

/// What a service is: printed as text by `Display`, as a picture by [`mermaid`](Self::mermaid) and
/// [`dot`](Self::dot), and in full by [`json`](Self::json).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description<'a> {
    /// The service's type, by its last name.
    pub service: &'a str,
    /// The first line of the block's docs; empty if there is none.
    pub doc: &'a str,
    /// In the order of the block, without those that a `cfg` leaves out.
    pub methods: &'a [Method<'a>],
}

/// What makes a session of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `#[request]`: a machine of one state.
    PerRequest,
    /// `#[session]`: a method from the first request to the last.
    PerSession,
    /// `#[state]`s.
    PerState,
    /// No handler.
    NoHandler,
}

/// Which of the two pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chart {
    /// The session's states, and what leads from one to the next.
    States,
    /// The methods by the threads that they run on, and the crossings between them.
    Threads,
}

impl<'a> Description<'a> {
    /// For expansions.
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

    /// What makes a session of it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        let has = |role| self.methods.iter().any(|method| method.role == role);
        match () {
            () if has(Role::OnState) => Kind::PerState,
            () if has(Role::OnRequest) => Kind::PerRequest,
            () if has(Role::OnSession) => Kind::PerSession,
            () => Kind::NoHandler,
        }
    }

    /// The states, each the method that handles its requests; `closed` is none of them.
    pub fn states(&self) -> impl Iterator<Item = &'a Method<'a>> + use<'a> {
        self.methods.iter().filter(|method| method.role == Role::OnState)
    }

    /// `#[on(..)]`, `#[before]` and `#[after]`.
    pub fn hooks(&self) -> impl Iterator<Item = &'a Method<'a>> + use<'a> {
        self.methods.iter().filter(|method| method.role.is_hook())
    }

    /// What `pool = ..` says, each once; `Pool::shared()` for methods that say nothing.
    #[must_use]
    pub fn pools(&self) -> Vec<&'a str> {
        let mut pools = Vec::new();
        for pool in self.methods.iter().filter_map(Method::runs_on) {
            if !pools.contains(&pool) {
                pools.push(pool);
            }
        }
        pools
    }
}
