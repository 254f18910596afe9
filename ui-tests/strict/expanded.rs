//! The source that is expanded into `expanded.rs`: each form once.
use portcullis::prelude::*;
use portcullis::{Interrupted, Peer};
use std::fmt::Error as Odd;
use std::time::Duration;
/// Responds, with jobs on pool threads.
#[derive(Debug)]
pub struct Echo {
    greeting: String,
    pools: [Pool; 2],
}
impl Echo {
    /// Makes one.
    #[must_use]
    pub fn new(greeting: &str, pools: [Pool; 2]) -> Self {
        Self {
            greeting: greeting.to_owned(),
            pools,
        }
    }
    #[allow(clippy::unused_async, clippy::unused_self)]
    async fn started(
        self: &::std::sync::Arc<Self>,
        _cleanup: &mut Cleanup,
    ) -> Result<(), Interrupted> {
        Ok(())
    }
    #[allow(clippy::unused_async, clippy::unused_self)]
    async fn opened(self: &::std::sync::Arc<Self>, _peer: &Peer<String>) -> u64 {
        0
    }
    /// Answers.
    ///
    /// # Errors
    /// If it is interrupted.
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    pub async fn echo(
        self: &::std::sync::Arc<Self>,
        peer: &Peer<String>,
        count: &mut u64,
        text: String,
    ) -> Result<String, Interrupted> {
        *count += 1;
        let _ = peer.try_send(self.tell(*count).await);
        self.upper(text.clone(), text.len()).await
    }
    /// Shouts.
    ///
    /// # Errors
    /// If it is interrupted.
    pub fn upper(
        self: &::std::sync::Arc<Self>,
        text: String,
        at: usize,
    ) -> ::portcullis::Offload<String, Interrupted> {
        ::portcullis::__private::moves_between_threads::<String>();
        ::portcullis::__private::moves_between_threads::<usize>();
        ::portcullis::__private::moves_between_threads::<Interrupted>();
        ::portcullis::__private::is_error_of_a_job::<Interrupted>();
        let pool: &::portcullis::Pool = ::portcullis::__private::runs_on(
            &self.pools[::portcullis::__private::argument(&at).read() % 2],
        );
        let pool = &::core::clone::Clone::clone(pool);
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        let job = pool
            .job("Echo::upper")
            .deadline(::core::time::Duration::from_secs(2))
            .lane(&at);
        ::portcullis::__private::ServiceJob(job, this)
            .try_run::<
                _,
                String,
                Interrupted,
            >(move |this, worker| Self::blocking_upper(this, worker, text, at))
    }
    /// Shouts.
    ///
    /// # Errors
    /// If it is interrupted.
    ///
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value,
        clippy::must_use_candidate
    )]
    pub fn blocking_upper(
        self: &::std::sync::Arc<Self>,
        worker: &Worker,
        text: String,
        at: usize,
    ) -> Result<String, Interrupted> {
        let _ = Self::upper;
        let _ = &at;
        worker.check()?;
        let count = self.count(text.clone()).wait(worker)?;
        Ok(format!("{}{count}{at}{}", self.greeting, text.to_uppercase()))
    }
    /// Counts. The type of the output isn't a `Result`.
    fn length(
        self: &::std::sync::Arc<Self>,
        text: String,
    ) -> ::portcullis::Offload<usize> {
        ::portcullis::__private::moves_between_threads::<String>();
        ::portcullis::__private::moves_between_threads::<usize>();
        let pool: &::portcullis::Pool = ::portcullis::Pool::shared();
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        let job = pool.job("Echo::length").deadline(Duration::from_secs(1)).detached();
        ::portcullis::__private::ServiceJob(job, this)
            .run::<
                _,
                usize,
            >(move |this, worker| Self::blocking_length(this, worker, text))
    }
    /// Counts. The type of the output isn't a `Result`.
    ///
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    fn blocking_length(
        self: &::std::sync::Arc<Self>,
        _worker: &::portcullis::Worker,
        text: String,
    ) -> usize {
        let _ = Self::length;
        text.len()
    }
    /// Counts.
    pub fn count(
        self: &::std::sync::Arc<Self>,
        text: String,
    ) -> impl ::core::future::Future<Output = usize> + ::core::marker::Send + use<> {
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        async move { Self::__count(&this, text).await }
    }
    #[doc(hidden)]
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn __count(self: &::std::sync::Arc<Self>, text: String) -> usize {
        self.length(text).await.unwrap_or_default()
    }
    fn tell(
        self: &::std::sync::Arc<Self>,
        count: u64,
    ) -> impl ::core::future::Future<Output = String> + ::core::marker::Send + use<> {
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        async move { Self::__tell(&this, count).await }
    }
    #[doc(hidden)]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn __tell(self: &::std::sync::Arc<Self>, count: u64) -> String {
        count.to_string()
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn failed(
        self: &::std::sync::Arc<Self>,
        _error: SessionError<Interrupted>,
    ) -> ControlFlow<Reason, String> {
        ControlFlow::Continue(String::new())
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn left(self: &::std::sync::Arc<Self>, _count: u64, _reason: Reason) {}
    #[allow(clippy::unused_async, clippy::unused_self)]
    async fn stopped(self: &::std::sync::Arc<Self>) {}
}
/**```mermaid
flowchart LR
    subgraph the-loop["loop"]
        echo("echo")
        count[["count"]]
        tell[["tell"]]
    end
    subgraph pool-0["self.pools#91;at #37; 2#93;"]
        upper["upper<br/>deadline 2s<br/>lane at"]
    end
    subgraph pool-1["Pool#58;#58;shared()"]
        length["length<br/>deadline Duration#58;#58;from_secs(1)"]
    end
    echo --> tell
    echo -->|".await"| upper
    upper -->|".wait(worker)"| count
    count -->|".await"| length
```*/
#[automatically_derived]
impl ::portcullis::Service for Echo {
    type Request = String;
    type Response = String;
    type Error = Interrupted;
    type Conn = u64;
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["echo"];
    const HALF_CLOSE: ::portcullis::__private::HalfClose = ::portcullis::__private::HalfClose::Cancel;
    async fn on_connect(
        self: &::std::sync::Arc<Self>,
        peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
    ) -> ::core::result::Result<
        ::portcullis::__private::Connected<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        ::core::result::Result::Ok(::portcullis::__private::Connected {
            conn: Self::opened(self, peer).await,
            state: (),
        })
    }
    async fn on_start(
        self: &::std::sync::Arc<Self>,
        cleanup: &mut ::portcullis::Cleanup,
    ) -> ::core::result::Result<(), ::portcullis::__private::BoxError> {
        Self::started(self, cleanup).await?;
        ::core::result::Result::Ok(())
    }
    async fn on_error(
        self: &::std::sync::Arc<Self>,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        _conn: &mut <Self as ::portcullis::Service>::Conn,
        error: ::portcullis::SessionError<<Self as ::portcullis::Service>::Error>,
    ) -> ::core::ops::ControlFlow<
        ::portcullis::Reason,
        <Self as ::portcullis::Service>::Response,
    > {
        Self::failed(self, error).await
    }
    async fn on_disconnect(
        self: &::std::sync::Arc<Self>,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        conn: <Self as ::portcullis::Service>::Conn,
        _last: ::core::option::Option<<Self as ::portcullis::Service>::State>,
        reason: ::portcullis::Reason,
    ) {
        Self::left(self, conn, reason).await;
    }
    async fn on_stop(self: &::std::sync::Arc<Self>) {
        Self::stopped(self).await;
    }
    async fn on_request(
        self: &::std::sync::Arc<Self>,
        state: <Self as ::portcullis::Service>::State,
        peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        conn: &mut <Self as ::portcullis::Service>::Conn,
        request: <Self as ::portcullis::Service>::Request,
    ) -> ::core::result::Result<
        ::portcullis::__private::Step<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        let response: String = Self::echo(self, peer, conn, request).await?;
        ::core::result::Result::Ok(::portcullis::__private::Step::reply(state, response))
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnStart, "started", ""),
            Method::new(Role::OnConnect, "opened", ""),
            Method::new(Role::OnRequest, "echo", "Answers.").calls(&["tell", "upper"]),
            Method::new(Role::RunsOnPool, "upper", "Shouts.")
                .pool("self.pools[at % 2]")
                .deadline("2s")
                .lane("at")
                .calls(&["count"]),
            Method::new(
                    Role::RunsOnPool,
                    "length",
                    "Counts. The type of the output isn't a `Result`.",
                )
                .deadline("Duration::from_secs(1)"),
            Method::new(Role::AsyncHelper, "count", "Counts.").calls(&["length"]),
            Method::new(Role::AsyncHelper, "tell", ""),
            Method::new(Role::OnError, "failed", ""),
            Method::new(Role::OnDisconnect, "left", ""),
            Method::new(Role::OnStop, "stopped", ""),
        ];
        Description::new("Echo", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::on as _; use ::portcullis::on as _; use
    ::portcullis::request as _; use ::portcullis::blocking as _; use
    ::portcullis::blocking as _; use ::portcullis::on as _; use ::portcullis::on as _;
    use ::portcullis::on as _; }; }
}
/// Opens and closes.
#[derive(Debug)]
pub struct Door;
impl Door {
    #[allow(clippy::unused_async, clippy::unused_self)]
    async fn opened(self: &::std::sync::Arc<Self>, _peer: &Peer<u64, String>) -> u64 {
        0
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn ahead(
        self: &::std::sync::Arc<Self>,
        _count: &mut u64,
        request: u64,
    ) -> Result<ControlFlow<u64, u64>, Odd> {
        Ok(ControlFlow::Continue(request))
    }
    #[allow(clippy::unused_async, clippy::unused_self)]
    async fn behind(self: &::std::sync::Arc<Self>, _response: &u64) {}
    /// No one can pass.
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    pub async fn shut(
        self: &::std::sync::Arc<Self>,
        count: &mut u64,
        request: u64,
    ) -> (u64, DoorState) {
        *count += 1;
        (request, DoorState::Open(request))
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn open(self: &::std::sync::Arc<Self>, _by: u64, _request: u64) -> DoorState {
        DoorState::Shut
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn note(
        self: &::std::sync::Arc<Self>,
        by: u64,
        _event: String,
    ) -> Result<DoorState, Odd> {
        Ok(DoorState::Open(by))
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn fell_shut(self: &::std::sync::Arc<Self>, by: u64) -> (u64, DoorState) {
        (by, DoorState::Shut)
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn left(
        self: &::std::sync::Arc<Self>,
        _count: u64,
        _last: Option<DoorState>,
        _reason: Reason,
    ) {}
}
/// Where a session stands: a variant for each `#[state]`.
#[derive(Debug)]
pub enum DoorState {
    /// No one can pass.
    Shut,
    /// The state `open`.
    Open((u64)),
    /// The session ends, once what it has to say is written.
    Closed,
}
/**```mermaid
stateDiagram-v2
    shut : shut
    open : open
    open : u64
    open : idle 1m, max_duration 1h
    [*] --> shut
    shut --> open
    open --> shut
    open --> open : note
    open --> shut : timeout
```*/
#[automatically_derived]
impl ::portcullis::Service for Door {
    type Request = u64;
    type Response = u64;
    type Error = Odd;
    type Conn = u64;
    type Event = String;
    type State = DoorState;
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["shut", "open"];
    const HALF_CLOSE: ::portcullis::__private::HalfClose = ::portcullis::__private::HalfClose::Answer;
    async fn on_connect(
        self: &::std::sync::Arc<Self>,
        peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
    ) -> ::core::result::Result<
        ::portcullis::__private::Connected<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        ::core::result::Result::Ok(::portcullis::__private::Connected {
            conn: Self::opened(self, peer).await,
            state: DoorState::Shut,
        })
    }
    async fn on_disconnect(
        self: &::std::sync::Arc<Self>,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        conn: <Self as ::portcullis::Service>::Conn,
        last: ::core::option::Option<<Self as ::portcullis::Service>::State>,
        reason: ::portcullis::Reason,
    ) {
        Self::left(self, conn, last, reason).await;
    }
    async fn on_request(
        self: &::std::sync::Arc<Self>,
        state: <Self as ::portcullis::Service>::State,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        conn: &mut <Self as ::portcullis::Service>::Conn,
        request: <Self as ::portcullis::Service>::Request,
    ) -> ::core::result::Result<
        ::portcullis::__private::Step<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        let step = {
            let flow: ::core::ops::ControlFlow<
                <Self as ::portcullis::Service>::Response,
                <Self as ::portcullis::Service>::Request,
            > = Self::ahead(self, conn, request).await?;
            match flow {
                ::core::ops::ControlFlow::Continue(request) => {
                    match state {
                        DoorState::Shut => {
                            let (response, next) = Self::shut(self, conn, request).await;
                            ::portcullis::__private::Step::<Self>::reply(next, response)
                        }
                        DoorState::Open(data0) => {
                            ::portcullis::__private::Step::go(
                                Self::open(self, data0, request).await,
                            )
                        }
                        DoorState::Closed => {
                            ::portcullis::__private::Step::go(DoorState::Closed)
                        }
                    }
                }
                ::core::ops::ControlFlow::Break(response) => {
                    ::portcullis::__private::Step::reply(state, response)
                }
            }
        };
        for response in step.responses.as_slice() {
            Self::behind(self, response).await;
        }
        ::core::result::Result::Ok(step)
    }
    async fn on_event(
        self: &::std::sync::Arc<Self>,
        state: <Self as ::portcullis::Service>::State,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        _conn: &mut <Self as ::portcullis::Service>::Conn,
        event: <Self as ::portcullis::Service>::Event,
    ) -> ::core::result::Result<
        ::core::ops::ControlFlow<
            <Self as ::portcullis::Service>::State,
            ::portcullis::__private::Step<Self>,
        >,
        <Self as ::portcullis::Service>::Error,
    > {
        let step = match state {
            DoorState::Open(by) => {
                ::portcullis::__private::Step::go(Self::note(self, by, event).await?)
            }
            other => {
                return ::core::result::Result::Ok(::core::ops::ControlFlow::Break(other));
            }
        };
        for response in step.responses.as_slice() {
            Self::behind(self, response).await;
        }
        ::core::result::Result::Ok(::core::ops::ControlFlow::Continue(step))
    }
    async fn on_timeout(
        self: &::std::sync::Arc<Self>,
        state: <Self as ::portcullis::Service>::State,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        _conn: &mut <Self as ::portcullis::Service>::Conn,
    ) -> ::core::result::Result<
        ::core::ops::ControlFlow<
            <Self as ::portcullis::Service>::State,
            ::portcullis::__private::Step<Self>,
        >,
        <Self as ::portcullis::Service>::Error,
    > {
        let step = match state {
            DoorState::Open(by) => {
                let (response, next) = Self::fell_shut(self, by).await;
                ::portcullis::__private::Step::<Self>::reply(next, response)
            }
            other => {
                return ::core::result::Result::Ok(::core::ops::ControlFlow::Break(other));
            }
        };
        for response in step.responses.as_slice() {
            Self::behind(self, response).await;
        }
        ::core::result::Result::Ok(::core::ops::ControlFlow::Continue(step))
    }
    fn state_index(state: &<Self as ::portcullis::Service>::State) -> u16 {
        match state {
            DoorState::Shut => 0u16,
            DoorState::Open(..) => 1u16,
            DoorState::Closed => 2u16,
        }
    }
    fn state_name(index: u16) -> &'static str {
        match index {
            0u16 => "shut",
            1u16 => "open",
            _ => "closed",
        }
    }
    const MIN_STATE_TIMEOUT: ::core::option::Option<::core::time::Duration> = ::portcullis::__private::shortest(
        &[
            ::core::option::Option::Some(::core::time::Duration::from_secs(60u64)),
            ::core::option::Option::Some(::core::time::Duration::from_secs(3600u64)),
        ],
    );
    fn state_limits(
        self: &::std::sync::Arc<Self>,
        state: &<Self as ::portcullis::Service>::State,
    ) -> ::portcullis::StateLimits {
        match state {
            DoorState::Open(..) => {
                ::portcullis::StateLimits {
                    idle: ::core::option::Option::Some(
                        ::core::time::Duration::from_secs(60u64),
                    ),
                    max_duration: ::core::option::Option::Some(
                        ::core::time::Duration::from_secs(3600u64),
                    ),
                }
            }
            _ => ::portcullis::StateLimits::NONE,
        }
    }
    fn closes(state: &<Self as ::portcullis::Service>::State) -> bool {
        ::core::matches!(state, DoorState::Closed)
    }
    fn recover(
        self: &::std::sync::Arc<Self>,
        index: u16,
    ) -> ::core::option::Option<<Self as ::portcullis::Service>::State> {
        match index {
            0u16 => ::core::option::Option::Some(DoorState::Shut),
            _ => ::core::option::Option::None,
        }
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnConnect, "opened", ""),
            Method::new(Role::Before, "ahead", ""),
            Method::new(Role::After, "behind", ""),
            Method::new(Role::OnState, "shut", "No one can pass.")
                .start()
                .next(&["open"]),
            Method::new(Role::OnState, "open", "")
                .idle("1m")
                .max_duration("1h")
                .data(&["u64"])
                .next(&["shut"]),
            Method::new(Role::OnEvent, "note", "").states(&["open"]).next(&["open"]),
            Method::new(Role::OnTimeout, "fell_shut", "")
                .states(&["open"])
                .next(&["shut"]),
            Method::new(Role::OnDisconnect, "left", ""),
        ];
        Description::new("Door", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::on as _; use ::portcullis::before as _; use
    ::portcullis::after as _; use ::portcullis::state as _; use ::portcullis::state as _;
    use ::portcullis::event as _; use ::portcullis::on as _; use ::portcullis::on as _;
    }; }
}
/// A session in one method.
#[derive(Debug)]
pub struct Talk<T> {
    word: T,
}
impl<T: std::fmt::Display + Send + Sync + 'static> Talk<T>
where
    T: 'static,
    Talk<T>: ::core::marker::Send + ::core::marker::Sync,
{
    async fn talk(
        self: &::std::sync::Arc<Self>,
        session: &mut Session<String, String>,
    ) -> Result<(), Odd> {
        while let Ok(line) = session.next().await {
            let answer = self.answer(line).await;
            if session.send(answer).await.is_err() {
                break;
            }
        }
        Ok(())
    }
    fn answer(
        self: &::std::sync::Arc<Self>,
        line: String,
    ) -> impl ::core::future::Future<Output = String> + ::core::marker::Send + use<T> {
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        async move { Self::__answer(&this, line).await }
    }
    #[doc(hidden)]
    #[allow(
        clippy::unused_async,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn __answer(self: &::std::sync::Arc<Self>, line: String) -> String {
        format!("{}{line}", self.word)
    }
}
#[automatically_derived]
impl<T: std::fmt::Display + Send + Sync + 'static> ::portcullis::Service for Talk<T>
where
    T: 'static,
    Talk<T>: ::core::marker::Send + ::core::marker::Sync,
{
    type Request = String;
    type Response = String;
    type Error = Odd;
    type Conn = ();
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerSession;
    const HANDLERS: &'static [&'static str] = &["talk"];
    const HALF_CLOSE: ::portcullis::__private::HalfClose = ::portcullis::__private::HalfClose::Cancel;
    async fn on_connect(
        self: &::std::sync::Arc<Self>,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
    ) -> ::core::result::Result<
        ::portcullis::__private::Connected<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        ::core::result::Result::Ok(::portcullis::__private::Connected {
            conn: (),
            state: (),
        })
    }
    async fn on_session(
        self: &::std::sync::Arc<Self>,
        _conn: &mut <Self as ::portcullis::Service>::Conn,
        session: &mut ::portcullis::Session<
            <Self as ::portcullis::Service>::Request,
            <Self as ::portcullis::Service>::Response,
        >,
    ) -> ::core::result::Result<(), <Self as ::portcullis::Service>::Error> {
        Self::talk(self, session).await
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnSession, "talk", "").calls(&["answer"]),
            Method::new(Role::AsyncHelper, "answer", ""),
        ];
        Description::new("Talk", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::session as _; }; }
}
/// A job without a service.
pub fn work(n: u64) -> ::portcullis::Offload<u64> {
    fn __body(_worker: &Worker, n: u64) -> u64 {
        n
    }
    let _ = {
        fn blocking_work() {}
        let _ = blocking_work;
        {
            use self::*;
            blocking_work
        }
    };
    ::portcullis::__private::moves_between_threads::<u64>();
    let pool: &::portcullis::Pool = ::portcullis::Pool::shared();
    pool.job("work").run::<_, u64>(move |worker| __body(worker, n))
}
/// A job without a service.
///
/// Runs on the calling thread: for code that holds a `Worker` already.
#[allow(
    clippy::needless_pass_by_value,
    clippy::large_types_passed_by_value,
    clippy::must_use_candidate
)]
pub fn blocking_work(_worker: &Worker, n: u64) -> u64 {
    let _ = {
        fn work() {}
        let _ = work;
        {
            use self::*;
            work
        }
    };
    n
}
