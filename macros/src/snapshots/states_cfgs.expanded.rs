impl<T: Mark> Gate<T>
where
    T: 'static,
    Gate<T>: ::core::marker::Send + ::core::marker::Sync,
{
    #[cfg(feature = "strict")]
    #[allow(
        clippy::unused_async,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn allow(
        self: &::std::sync::Arc<Self>,
        request: Request,
    ) -> ControlFlow<Reply, Request> {
        self.rules.judge(request)
    }
    #[cfg(feature = "strict")]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn shut(self: &::std::sync::Arc<Self>, request: Request) -> Phase<T> {
        Phase::Open(request.mark())
    }
    #[cfg(not(feature = "strict"))]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn ajar(self: &::std::sync::Arc<Self>, request: Request) -> Phase<T> {
        Phase::Open(request.mark())
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn open(
        self: &::std::sync::Arc<Self>,
        mark: T,
        _request: Request,
    ) -> Result<(Reply, Phase<T>), Error> {
        Ok((mark.reply()?, Phase::Open(mark)))
    }
    #[cfg(feature = "events")]
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn note(self: &::std::sync::Arc<Self>, _mark: T, event: Event) -> Answer<T> {
        event.answer()
    }
    #[cfg(feature = "log")]
    #[allow(clippy::unused_async)]
    async fn log(self: &::std::sync::Arc<Self>, reply: &Reply) {
        self.log.add(reply);
    }
}
/// Where a session stands: a variant for each `#[state]`.
pub enum Phase<T> {
    #[cfg(feature = "strict")]
    /// The state `shut`.
    Shut,
    #[cfg(not(feature = "strict"))]
    /// The state `ajar`.
    Ajar,
    /// The state `open`.
    Open((T)),
    /// The session ends, once what it has to say is written.
    Closed,
}
#[automatically_derived]
impl<
    T: Mark,
> ::portcullis::__private::NextState<Gate<T>, ::portcullis::__private::StateAlone>
for Phase<T>
where
    T: 'static,
    Gate<T>: ::core::marker::Send + ::core::marker::Sync,
{
    fn into_step(
        self,
    ) -> ::core::result::Result<
        ::portcullis::__private::Step<Gate<T>>,
        <Gate<T> as ::portcullis::Service>::Error,
    > {
        ::core::result::Result::Ok(::portcullis::__private::Step::go(self))
    }
}
#[automatically_derived]
impl<T, Otherwise> ::portcullis::__private::NextTypes<Otherwise> for Phase<T> {
    type Response = Otherwise;
    type Err = Otherwise;
}
/**```mermaid
stateDiagram-v2
    shut : shut
    ajar : ajar
    ajar : max_duration 10s
    open : open
    open : T
    any__state : #63;
    classDef dashed stroke-dasharray: 4
    class any__state dashed
    [*] --> shut
    [*] --> ajar
    shut --> open
    ajar --> open
    ajar --> [*] : timeout
    open --> open
    open --> any__state : note
```*/
#[automatically_derived]
impl<T: Mark> ::portcullis::Service for Gate<T>
where
    T: 'static,
    Gate<T>: ::core::marker::Send + ::core::marker::Sync,
    T: ::core::marker::Send,
{
    type Request = Request;
    type Response = Reply;
    type Error = Error;
    type Conn = ();
    #[cfg(feature = "events")]
    type Event = Event;
    #[cfg(not(feature = "events"))]
    type Event = ::core::convert::Infallible;
    type State = Phase<T>;
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &[
        #[cfg(feature = "strict")]
        "shut",
        #[cfg(not(feature = "strict"))]
        "ajar",
        "open",
    ];
    const HALF_CLOSE: ::portcullis::__private::HalfClose = ::portcullis::__private::HalfClose::Answer;
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
            state: {
                #[cfg(feature = "strict")] { Phase::Shut }
                #[cfg(not(feature = "strict"))] { Phase::Ajar }
                #[cfg(not(any(feature = "strict", not(feature = "strict"))))]
                {
                    ::core::compile_error!(
                        "a session begins in one of its states: write `#[state(start)]` on one that is there"
                    )
                }
            },
        })
    }
    async fn on_request(
        self: &::std::sync::Arc<Self>,
        state: <Self as ::portcullis::Service>::State,
        _peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        _conn: &mut <Self as ::portcullis::Service>::Conn,
        request: <Self as ::portcullis::Service>::Request,
    ) -> ::core::result::Result<
        ::portcullis::__private::Step<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        let step = {
            #[cfg(feature = "strict")]
            let flow: ::core::ops::ControlFlow<
                <Self as ::portcullis::Service>::Response,
                <Self as ::portcullis::Service>::Request,
            > = Self::allow(self, request).await;
            #[cfg(not(feature = "strict"))]
            let flow: ::core::ops::ControlFlow<
                <Self as ::portcullis::Service>::Response,
                <Self as ::portcullis::Service>::Request,
            > = ::core::ops::ControlFlow::Continue(request);
            match flow {
                ::core::ops::ControlFlow::Continue(request) => {
                    match state {
                        #[cfg(feature = "strict")]
                        Phase::Shut => {
                            ::portcullis::__private::Step::go(
                                Self::shut(self, request).await,
                            )
                        }
                        #[cfg(not(feature = "strict"))]
                        Phase::Ajar => {
                            ::portcullis::__private::Step::go(
                                Self::ajar(self, request).await,
                            )
                        }
                        Phase::Open(mark) => {
                            let (response, next) = Self::open(self, mark, request)
                                .await?;
                            ::portcullis::__private::Step::<Self>::reply(next, response)
                        }
                        Phase::Closed => ::portcullis::__private::Step::go(Phase::Closed),
                    }
                }
                ::core::ops::ControlFlow::Break(response) => {
                    ::portcullis::__private::Step::reply(state, response)
                }
            }
        };
        #[cfg(feature = "log")]
        for response in step.responses.as_slice() {
            Self::log(self, response).await;
        }
        ::core::result::Result::Ok(step)
    }
    #[cfg(feature = "events")]
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
            _ if false => {
                ::portcullis::__private::never::<::portcullis::__private::Step<Self>>()
            }
            #[cfg(feature = "events")]
            Phase::Open(data0) => {
                ::portcullis::__private::NextState::into_step(
                    Self::note(
                            self,
                            data0,
                            <Event as ::portcullis::__private::TakesEvent<
                                <Self as ::portcullis::Service>::Event,
                            >>::taken(event),
                        )
                        .await,
                )?
            }
            other => {
                return ::core::result::Result::Ok(::core::ops::ControlFlow::Break(other));
            }
        };
        #[cfg(feature = "log")]
        for response in step.responses.as_slice() {
            Self::log(self, response).await;
        }
        ::core::result::Result::Ok(::core::ops::ControlFlow::Continue(step))
    }
    fn state_index(state: &<Self as ::portcullis::Service>::State) -> u16 {
        match state {
            #[cfg(feature = "strict")]
            Phase::Shut => 0u16,
            #[cfg(not(feature = "strict"))]
            Phase::Ajar => 1u16,
            Phase::Open(..) => 2u16,
            Phase::Closed => 3u16,
        }
    }
    fn state_name(index: u16) -> &'static str {
        match index {
            #[cfg(feature = "strict")]
            0u16 => "shut",
            #[cfg(not(feature = "strict"))]
            1u16 => "ajar",
            2u16 => "open",
            _ => "closed",
        }
    }
    const MIN_STATE_TIMEOUT: ::core::option::Option<::core::time::Duration> = ::portcullis::__private::shortest(
        &[
            #[cfg(not(feature = "strict"))]
            ::core::option::Option::None,
            #[cfg(not(feature = "strict"))]
            ::core::option::Option::Some(::core::time::Duration::from_secs(10u64)),
        ],
    );
    fn state_limits(
        self: &::std::sync::Arc<Self>,
        state: &<Self as ::portcullis::Service>::State,
    ) -> ::portcullis::StateLimits {
        match state {
            #[cfg(not(feature = "strict"))]
            Phase::Ajar => {
                ::portcullis::StateLimits {
                    idle: ::core::option::Option::None,
                    max_duration: ::core::option::Option::Some(
                        ::core::time::Duration::from_secs(10u64),
                    ),
                }
            }
            _ => ::portcullis::StateLimits::NONE,
        }
    }
    fn half_close(
        state: &<Self as ::portcullis::Service>::State,
    ) -> ::portcullis::__private::HalfClose {
        match state {
            Phase::Open(..) => ::portcullis::__private::HalfClose::Cancel,
            _ => <Self as ::portcullis::Service>::HALF_CLOSE,
        }
    }
    fn closes(state: &<Self as ::portcullis::Service>::State) -> bool {
        ::core::matches!(state, Phase::Closed)
    }
    fn recover(
        self: &::std::sync::Arc<Self>,
        index: u16,
    ) -> ::core::option::Option<<Self as ::portcullis::Service>::State> {
        match index {
            #[cfg(feature = "strict")]
            0u16 => ::core::option::Option::Some(Phase::Shut),
            #[cfg(not(feature = "strict"))]
            1u16 => ::core::option::Option::Some(Phase::Ajar),
            _ => ::core::option::Option::None,
        }
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            #[cfg(feature = "strict")]
            Method::new(Role::Before, "allow", ""),
            #[cfg(feature = "strict")]
            Method::new(Role::OnState, "shut", "").start().next(&["open"]),
            #[cfg(not(feature = "strict"))]
            Method::new(Role::OnState, "ajar", "")
                .start()
                .max_duration("10s")
                .next(&["open"]),
            Method::new(Role::OnState, "open", "").data(&["T"]).next(&["open"]),
            #[cfg(feature = "events")]
            Method::new(Role::OnEvent, "note", "").states(&["open"]).dynamic(),
            #[cfg(feature = "log")]
            Method::new(Role::After, "log", ""),
        ];
        Description::new("Gate", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::before as _; use ::portcullis::state as _;
    use ::portcullis::state as _; use ::portcullis::state as _; use ::portcullis::event
    as _; use ::portcullis::after as _; }; }
}
