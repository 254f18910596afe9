//! A state that takes only events, beside one that takes requests and one that takes both.
impl Queue {
    #[allow(
        clippy::unused_async,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn ready(
        self: &::std::sync::Arc<Self>,
        peer: &Peer<Reply, Item>,
        request: Request,
    ) -> (Option<Reply>, QueueState) {
        self.waiting.push(peer);
        (None, QueueState::Popping(request.key()))
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn popping(
        self: &::std::sync::Arc<Self>,
        key: Key,
        item: Item,
    ) -> (Reply, QueueState) {
        (Reply::of(key, item), QueueState::Ready)
    }
    #[allow(
        clippy::unused_async,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn too_late(self: &::std::sync::Arc<Self>, item: Item) -> QueueState {
        self.push_back(item);
        QueueState::Ready
    }
}
/// Where a session stands: a variant for each `#[state]`.
pub enum QueueState {
    /// The state `ready`.
    Ready,
    /// The state `popping`.
    Popping((Key)),
    /// The session ends, once what it has to say is written.
    Closed,
}
/**```mermaid
stateDiagram-v2
    ready : ready
    ready : responds Option#60;Reply#62;
    popping : popping
    popping : Key
    popping : events only, idle 30s
    [*] --> ready
    ready --> popping
    ready --> ready : too_late
    popping --> ready : popping
    popping --> [*] : timeout
```*/
#[automatically_derived]
impl ::portcullis::Service for Queue {
    type Request = Request;
    type Response = Reply;
    type Error = ::core::convert::Infallible;
    type Conn = ();
    type Event = Item;
    type State = QueueState;
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["ready", "popping"];
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
            state: QueueState::Ready,
        })
    }
    async fn on_request(
        self: &::std::sync::Arc<Self>,
        state: <Self as ::portcullis::Service>::State,
        peer: &::portcullis::Peer<
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
            QueueState::Ready => {
                let (response, next) = Self::ready(self, peer, request).await;
                ::portcullis::__private::Step::<
                    Self,
                >::new(
                    next,
                    <Option<
                        Reply,
                    > as ::portcullis::__private::IntoResponses<
                        <Self as ::portcullis::Service>::Response,
                        _,
                    >>::into_responses(response),
                )
            }
            state @ QueueState::Popping(..) => ::portcullis::__private::Step::go(state),
            QueueState::Closed => ::portcullis::__private::Step::go(QueueState::Closed),
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
            QueueState::Popping(key) => {
                let (response, next) = Self::popping(self, key, event).await;
                ::portcullis::__private::Step::<Self>::reply(next, response)
            }
            QueueState::Ready => {
                ::portcullis::__private::Step::go(Self::too_late(self, event).await)
            }
            other => {
                return ::core::result::Result::Ok(::core::ops::ControlFlow::Break(other));
            }
        };
        ::core::result::Result::Ok(::core::ops::ControlFlow::Continue(step))
    }
    fn state_index(state: &<Self as ::portcullis::Service>::State) -> u16 {
        match state {
            QueueState::Ready => 0u16,
            QueueState::Popping(..) => 1u16,
            QueueState::Closed => 2u16,
        }
    }
    fn state_name(index: u16) -> &'static str {
        match index {
            0u16 => "ready",
            1u16 => "popping",
            _ => "closed",
        }
    }
    const MIN_STATE_TIMEOUT: ::core::option::Option<::core::time::Duration> = ::portcullis::__private::shortest(
        &[
            ::core::option::Option::Some(::core::time::Duration::from_secs(30u64)),
            ::core::option::Option::None,
        ],
    );
    fn state_limits(
        self: &::std::sync::Arc<Self>,
        state: &<Self as ::portcullis::Service>::State,
    ) -> ::portcullis::StateLimits {
        match state {
            QueueState::Popping(..) => {
                ::portcullis::StateLimits {
                    idle: ::core::option::Option::Some(
                        ::core::time::Duration::from_secs(30u64),
                    ),
                    max_duration: ::core::option::Option::None,
                }
            }
            _ => ::portcullis::StateLimits::NONE,
        }
    }
    fn event_restarts_idle(state: &<Self as ::portcullis::Service>::State) -> bool {
        match state {
            QueueState::Popping(..) => true,
            _ => false,
        }
    }
    fn takes_requests(state: &<Self as ::portcullis::Service>::State) -> bool {
        match state {
            QueueState::Popping(..) => false,
            _ => true,
        }
    }
    fn closes(state: &<Self as ::portcullis::Service>::State) -> bool {
        ::core::matches!(state, QueueState::Closed)
    }
    fn recover(
        self: &::std::sync::Arc<Self>,
        index: u16,
    ) -> ::core::option::Option<<Self as ::portcullis::Service>::State> {
        match index {
            0u16 => ::core::option::Option::Some(QueueState::Ready),
            _ => ::core::option::Option::None,
        }
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnState, "ready", "")
                .start()
                .responses("Option<Reply>")
                .next(&["popping"]),
            Method::new(Role::OnState, "popping", "")
                .events_only()
                .idle("30s")
                .data(&["Key"])
                .next(&["ready"]),
            Method::new(Role::OnEvent, "too_late", "")
                .states(&["ready"])
                .next(&["ready"]),
        ];
        Description::new("Queue", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::state as _; use ::portcullis::state as _; use
    ::portcullis::event as _; }; }
}
