//! Time limits that depend on the data of a state, and on the service.
impl Broker {
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn connecting(self: &::std::sync::Arc<Self>, packet: Packet) -> BrokerState {
        self.connect(packet).await
    }
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn online(
        self: &::std::sync::Arc<Self>,
        online: Online,
        packet: Packet,
    ) -> BrokerState {
        self.handle(online, packet).await
    }
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn posted(
        self: &::std::sync::Arc<Self>,
        online: Online,
        event: Event,
    ) -> BrokerState {
        self.post(online, event).await
    }
}
/// Where a session stands: a variant for each `#[state]`.
pub enum BrokerState {
    /// The state `connecting`.
    Connecting,
    /// The state `online`.
    Online((Online)),
    /// The session ends, once what it has to say is written.
    Closed,
}
/**```mermaid
stateDiagram-v2
    connecting : connecting
    connecting : idle 10s, max_duration self.settings.longest
    online : online
    online : Online
    online : idle online.patience, restarted by events
    any__state : #63;
    classDef dashed stroke-dasharray: 4
    class any__state dashed
    [*] --> connecting
    connecting --> any__state
    connecting --> [*] : timeout
    online --> any__state
    online --> any__state : posted
    online --> [*] : timeout
```*/
#[automatically_derived]
impl ::portcullis::Service for Broker {
    type Request = Packet;
    type Response = Packet;
    type Error = ::core::convert::Infallible;
    type Conn = ();
    type Event = Event;
    type State = BrokerState;
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["connecting", "online"];
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
            state: BrokerState::Connecting,
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
        let step = match state {
            BrokerState::Connecting => {
                ::portcullis::__private::Step::go(Self::connecting(self, request).await)
            }
            BrokerState::Online(online) => {
                ::portcullis::__private::Step::go(
                    Self::online(self, online, request).await,
                )
            }
            BrokerState::Closed => ::portcullis::__private::Step::go(BrokerState::Closed),
        };
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
            BrokerState::Online(online) => {
                ::portcullis::__private::Step::go(
                    Self::posted(self, online, event).await,
                )
            }
            other => {
                return ::core::result::Result::Ok(::core::ops::ControlFlow::Break(other));
            }
        };
        ::core::result::Result::Ok(::core::ops::ControlFlow::Continue(step))
    }
    fn state_index(state: &<Self as ::portcullis::Service>::State) -> u16 {
        match state {
            BrokerState::Connecting => 0u16,
            BrokerState::Online(..) => 1u16,
            BrokerState::Closed => 2u16,
        }
    }
    fn state_name(index: u16) -> &'static str {
        match index {
            0u16 => "connecting",
            1u16 => "online",
            _ => "closed",
        }
    }
    const MIN_STATE_TIMEOUT: ::core::option::Option<::core::time::Duration> = ::portcullis::__private::shortest(
        &[
            ::core::option::Option::Some(::core::time::Duration::from_secs(10u64)),
            ::core::option::Option::None,
        ],
    );
    #[allow(unused_variables)]
    fn state_limits(
        self: &::std::sync::Arc<Self>,
        state: &<Self as ::portcullis::Service>::State,
    ) -> ::portcullis::StateLimits {
        match state {
            BrokerState::Connecting => {
                ::portcullis::StateLimits {
                    idle: ::core::option::Option::Some(
                        ::core::time::Duration::from_secs(10u64),
                    ),
                    max_duration: {
                        let limit = ::portcullis::__private::argument(
                                &self.settings.longest,
                            )
                            .read();
                        ::portcullis::__private::IntoTimeLimit::into_time_limit(limit)
                    },
                }
            }
            BrokerState::Online(online) => {
                ::portcullis::StateLimits {
                    idle: {
                        let limit = ::portcullis::__private::argument(
                                &(*online).patience,
                            )
                            .read();
                        ::portcullis::__private::IntoTimeLimit::into_time_limit(limit)
                    },
                    max_duration: ::core::option::Option::None,
                }
            }
            _ => ::portcullis::StateLimits::NONE,
        }
    }
    fn event_restarts_idle(state: &<Self as ::portcullis::Service>::State) -> bool {
        match state {
            BrokerState::Online(..) => true,
            _ => false,
        }
    }
    fn closes(state: &<Self as ::portcullis::Service>::State) -> bool {
        ::core::matches!(state, BrokerState::Closed)
    }
    fn recover(
        self: &::std::sync::Arc<Self>,
        index: u16,
    ) -> ::core::option::Option<<Self as ::portcullis::Service>::State> {
        match index {
            0u16 => ::core::option::Option::Some(BrokerState::Connecting),
            _ => ::core::option::Option::None,
        }
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnState, "connecting", "")
                .start()
                .idle("10s")
                .max_duration("self.settings.longest")
                .dynamic(),
            Method::new(Role::OnState, "online", "")
                .idle("online.patience, restarted by events")
                .data(&["Online"])
                .dynamic(),
            Method::new(Role::OnEvent, "posted", "").states(&["online"]).dynamic(),
        ];
        Description::new("Broker", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::state as _; use ::portcullis::state as _; use
    ::portcullis::event as _; }; }
}
