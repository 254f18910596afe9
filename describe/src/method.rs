//! One method of a service, its options, and the thread that it runs on.

/// A method of the block: its options, and what its body names. Expressions and types are text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Method<'a> {
    /// The name, which is also that of the state for `#[state]`.
    pub name: &'a str,
    /// The first line of the docs, or an empty string.
    pub doc: &'a str,
    /// The role that its attribute gives it.
    pub role: Role,
    /// The states in `#[event(..)]` and `#[on(timeout = ..)]`.
    pub states: &'a [&'a str],
    /// Whether sessions begin in this state.
    pub start: bool,
    /// Whether the state takes only events.
    pub events_only: bool,
    /// The value of `batch` of a `#[request]`.
    pub batch: Option<&'a str>,
    /// The value of `idle` of the state.
    pub idle: Option<&'a str>,
    /// The value of `max_duration` of the state.
    pub max_duration: Option<&'a str>,
    /// The types of the data of the state.
    pub data: &'a [&'a str],
    /// The return type in place of one response, such as `Option<Reply>` or `Vec<Reply>`.
    pub responses: Option<&'a str>,
    /// The states that the body names, `closed` among them.
    pub next: &'a [&'a str],
    /// Whether the body may lead to states that it does not name.
    pub dynamic: bool,
    /// The value of `pool` of a blocking method.
    pub pool: Option<&'a str>,
    /// The value of `deadline` of a blocking method.
    pub deadline: Option<&'a str>,
    /// The value of `start_deadline` of a blocking method.
    pub start_deadline: Option<&'a str>,
    /// The value of `lane` of a blocking method.
    pub lane: Option<&'a str>,
    /// The name on the wire of an `#[rpc]` method, in text formats.
    pub wire_name: Option<&'a str>,
    /// The number on the wire of an `#[rpc]` method, in compact formats.
    pub wire_number: Option<u32>,
    /// The parameters of the calls of an `#[rpc]` method: `width: u32`.
    pub params: &'a [&'a str],
    /// The methods that the body calls as `self.name(..)`. `blocking_name` is a body that runs on
    /// the same thread.
    pub calls: &'a [&'a str],
}

/// The role of a method.
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
    /// `#[rpc]` on an `async fn`
    OnCall,
    /// `#[blocking]`
    RunsOnPool,
    /// An `async fn` without an attribute, which can be awaited, spawned, and waited for on a pool
    /// thread.
    AsyncHelper,
}

/// The thread that a method runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunsOn {
    /// The event loop: handlers and hooks.
    EventLoop,
    /// A thread of a pool.
    PoolThread,
    /// The event loop, in the task of the caller, or of the job that waits for it.
    Caller,
}

/// The pool of a blocking method without an option.
const SHARED: &str = "Pool::shared()";

impl Role {
    /// The thread that a method of this role runs on.
    #[must_use]
    pub const fn runs_on(self) -> RunsOn {
        match self {
            Role::RunsOnPool => RunsOn::PoolThread,
            Role::AsyncHelper => RunsOn::Caller,
            _ => RunsOn::EventLoop,
        }
    }

    /// The attribute without its options: `state`, `on(connect)`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::OnRequest => "request",
            Role::OnSession => "session",
            Role::OnCall => "rpc",
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
            Role::RunsOnPool => "blocking",
            Role::AsyncHelper => "helper",
        }
    }

    pub(crate) fn is_hook(self) -> bool {
        use Role::{After, Before, OnConnect, OnDisconnect, OnError, OnStart, OnStop};
        matches!(self, Before | After | OnStart | OnConnect | OnError | OnDisconnect | OnStop)
    }
}

impl RunsOn {
    /// `loop`, `pool` or `helper`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            RunsOn::EventLoop => "loop",
            RunsOn::PoolThread => "pool",
            RunsOn::Caller => "helper",
        }
    }
}

impl<'a> Method<'a> {
    /// The thread that it runs on.
    #[must_use]
    pub const fn runs_on(&self) -> RunsOn {
        self.role.runs_on()
    }

    /// The pool of a blocking method; `Pool::shared()` if none is written.
    #[must_use]
    pub fn pool_name(&self) -> Option<&'a str> {
        (self.role == Role::RunsOnPool).then(|| self.pool.unwrap_or(SHARED))
    }

    /// What clients call it and what they send: `name images/count`, `number 7`, `width: u32`.
    pub(crate) fn call_parts(&self) -> impl Iterator<Item = String> {
        let name = self.wire_name.filter(|name| *name != self.name).map(|name| format!("name {name}"));
        let number = self.wire_number.map(|number| format!("number {number}"));
        name.into_iter().chain(number).chain(self.params.iter().map(ToString::to_string))
    }

    /// The options of the handler, such as `idle 30s`.
    pub(crate) fn handler_options(&self) -> impl Iterator<Item = String> {
        let events_only = self.events_only.then(|| "events only".to_owned());
        let values = [("batch", self.batch), ("idle", self.idle), ("max_duration", self.max_duration)];
        events_only.into_iter().chain(format_options(values))
    }

    /// What it responds, if that is not one response: `responds Vec<Reply>`.
    pub(crate) fn responds(&self) -> Option<String> {
        self.responses.map(|ty| format!("responds {ty}"))
    }

    /// The options of the job, such as `deadline 2s`.
    pub(crate) fn options(&self) -> impl Iterator<Item = String> {
        format_options([
            ("deadline", self.deadline),
            ("start_deadline", self.start_deadline),
            ("lane", self.lane),
        ])
    }
}

fn format_options<const N: usize>(options: [(&str, Option<&str>); N]) -> impl Iterator<Item = String> {
    options.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)))
}

/// Called by generated code: each sets one property.
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
            events_only: false,
            batch: None,
            idle: None,
            max_duration: None,
            data: &[],
            responses: None,
            next: &[],
            dynamic: false,
            pool: None,
            deadline: None,
            start_deadline: None,
            lane: None,
            wire_name: None,
            wire_number: None,
            params: &[],
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
    pub const fn events_only(mut self) -> Self {
        self.events_only = true;
        self
    }

    #[must_use]
    pub const fn batch(mut self, number: &'a str) -> Self {
        self.batch = Some(number);
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
    pub const fn responses(mut self, ty: &'a str) -> Self {
        self.responses = Some(ty);
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
    pub const fn start_deadline(mut self, limit: &'a str) -> Self {
        self.start_deadline = Some(limit);
        self
    }

    #[must_use]
    pub const fn lane(mut self, key: &'a str) -> Self {
        self.lane = Some(key);
        self
    }

    #[must_use]
    pub const fn call(mut self, name: &'a str, number: u32, params: &'a [&'a str]) -> Self {
        (self.wire_name, self.wire_number, self.params) = (Some(name), Some(number), params);
        self
    }

    #[must_use]
    pub const fn calls(mut self, methods: &'a [&'a str]) -> Self {
        self.calls = methods;
        self
    }
}
