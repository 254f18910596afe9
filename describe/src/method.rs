//! One method, and where it runs.

/// A method of the block: what stands at it, and what its body names.
///
/// Expressions and types are their text as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Method<'a> {
    /// Its name; that of the state, for `#[state]`.
    pub name: &'a str,
    /// The first line of its docs; empty if there is none.
    pub doc: &'a str,
    /// What it is for.
    pub role: Role,
    /// The states that `#[event]` and `#[on(timeout = ..)]` name.
    pub states: &'a [&'a str],
    /// Sessions begin in this state.
    pub start: bool,
    /// `idle = ..` of the state.
    pub idle: Option<&'a str>,
    /// `max_duration = ..` of the state.
    pub max_duration: Option<&'a str>,
    /// The types of the state's data.
    pub data: &'a [&'a str],
    /// The states that the body names, `closed` among them.
    pub next: &'a [&'a str],
    /// The body may lead to states that it does not name.
    pub dynamic: bool,
    /// `pool = ..` of a blocking method.
    pub pool: Option<&'a str>,
    /// `deadline = ..` of a blocking method.
    pub deadline: Option<&'a str>,
    /// `lane = ..` of a blocking method.
    pub lane: Option<&'a str>,
    /// What the body calls by `self.name(..)`; `blocking_name` for a body that it runs on its own
    /// thread.
    pub calls: &'a [&'a str],
}

/// What a method is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// `#[request]`
    OnRequest,
    /// `#[session]`
    OnSession,
    /// `#[state]`
    OnState,
    /// `#[event]`
    OnEvent,
    /// `#[on(timeout = ..)]`
    OnTimeout,
    /// `#[before]`
    Before,
    /// `#[after]`
    After,
    /// `#[on(start)]`
    OnStart,
    /// `#[on(connect)]`
    OnConnect,
    /// `#[on(error)]`
    OnError,
    /// `#[on(disconnect)]`
    OnDisconnect,
    /// `#[on(stop)]`
    OnStop,
    /// `#[blocking]`
    OnThread,
    /// An `async fn` that can be awaited, spawned, and waited for from a thread.
    OnDemand,
}

/// Where a method runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum World {
    /// On the loop: handlers and hooks.
    Loop,
    /// On a thread of a pool.
    Threads,
    /// On the loop, for whoever asks: also for threads.
    Helper,
}

/// What runs a job that says nothing of a pool.
const SHARED: &str = "Pool::shared()";

impl Role {
    /// Where a method of this role runs.
    #[must_use]
    pub const fn world(self) -> World {
        match self {
            Role::OnThread => World::Threads,
            Role::OnDemand => World::Helper,
            _ => World::Loop,
        }
    }

    /// The attribute as written, without what varies: `state`, `on(connect)`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::OnRequest => "request",
            Role::OnSession => "session",
            Role::OnState => "state",
            Role::OnEvent => "event",
            Role::OnTimeout => "on(timeout)",
            Role::Before => "before",
            Role::After => "after",
            Role::OnStart => "on(start)",
            Role::OnConnect => "on(connect)",
            Role::OnError => "on(error)",
            Role::OnDisconnect => "on(disconnect)",
            Role::OnStop => "on(stop)",
            Role::OnThread => "blocking",
            Role::OnDemand => "helper",
        }
    }

    pub(crate) fn is_hook(self) -> bool {
        use Role::{After, Before, OnConnect, OnDisconnect, OnError, OnStart, OnStop};
        matches!(self, Before | After | OnStart | OnConnect | OnError | OnDisconnect | OnStop)
    }
}

impl World {
    /// `loop`, `pool` or `helper`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            World::Loop => "loop",
            World::Threads => "pool",
            World::Helper => "helper",
        }
    }
}

impl<'a> Method<'a> {
    /// Where it runs.
    #[must_use]
    pub const fn world(&self) -> World {
        self.role.world()
    }

    /// The pool of a blocking method, whether or not one is written.
    #[must_use]
    pub fn runs_on(&self) -> Option<&'a str> {
        (self.role == Role::OnThread).then(|| self.pool.unwrap_or(SHARED))
    }

    /// The limits of the state, as written: `idle 30s`.
    pub(crate) fn limits(&self) -> impl Iterator<Item = String> {
        said([("idle", self.idle), ("max_duration", self.max_duration)])
    }

    /// What is said of the job, as written: `deadline 2s`.
    pub(crate) fn options(&self) -> impl Iterator<Item = String> {
        said([("deadline", self.deadline), ("lane", self.lane)])
    }
}

fn said(options: [(&str, Option<&str>); 2]) -> impl Iterator<Item = String> {
    options.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)))
}

/// For expansions: each says one thing that stands at the method.
#[doc(hidden)]
impl<'a> Method<'a> {
    #[must_use]
    pub const fn new(role: Role, name: &'a str, doc: &'a str) -> Self {
        Method {
            name,
            doc,
            role,
            states: &[],
            start: false,
            idle: None,
            max_duration: None,
            data: &[],
            next: &[],
            dynamic: false,
            pool: None,
            deadline: None,
            lane: None,
            calls: &[],
        }
    }

    #[must_use]
    pub const fn states(mut self, states: &'a [&'a str]) -> Self {
        self.states = states;
        self
    }

    #[must_use]
    pub const fn start(mut self) -> Self {
        self.start = true;
        self
    }

    #[must_use]
    pub const fn idle(mut self, limit: &'a str) -> Self {
        self.idle = Some(limit);
        self
    }

    #[must_use]
    pub const fn max_duration(mut self, limit: &'a str) -> Self {
        self.max_duration = Some(limit);
        self
    }

    #[must_use]
    pub const fn data(mut self, types: &'a [&'a str]) -> Self {
        self.data = types;
        self
    }

    #[must_use]
    pub const fn next(mut self, states: &'a [&'a str]) -> Self {
        self.next = states;
        self
    }

    #[must_use]
    pub const fn dynamic(mut self) -> Self {
        self.dynamic = true;
        self
    }

    #[must_use]
    pub const fn pool(mut self, pool: &'a str) -> Self {
        self.pool = Some(pool);
        self
    }

    #[must_use]
    pub const fn deadline(mut self, limit: &'a str) -> Self {
        self.deadline = Some(limit);
        self
    }

    #[must_use]
    pub const fn lane(mut self, key: &'a str) -> Self {
        self.lane = Some(key);
        self
    }

    #[must_use]
    pub const fn calls(mut self, methods: &'a [&'a str]) -> Self {
        self.calls = methods;
        self
    }
}
