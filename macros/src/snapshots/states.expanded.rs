impl Chat {
    #[allow(clippy::unused_async, clippy::unused_self)]
    async fn connected(
        self: &::std::sync::Arc<Self>,
        peer: &Peer<Reply, Note>,
    ) -> (Session, ChatState) {
        (Session::new(peer), ChatState::Login(3))
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn allow(
        self: &::std::sync::Arc<Self>,
        session: &mut Session,
        request: Request,
    ) -> ControlFlow<Reply, Request> {
        session.allow(request)
    }
    #[allow(clippy::unused_async)]
    async fn count(self: &::std::sync::Arc<Self>, reply: &Reply) {
        self.replies.add(reply);
    }
    /// Nobody is known yet.
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn login(
        self: &::std::sync::Arc<Self>,
        attempts: u8,
        request: Request,
    ) -> Result<(Reply, ChatState), Error> {
        match self.user(request).await? {
            Some(user) => Ok((Reply::Welcome, ChatState::Room(user, self.hall()))),
            None if attempts == 0 => Ok((Reply::Refused, ChatState::Closed)),
            None => Ok((Reply::Refused, ChatState::Login(attempts - 1))),
        }
    }
    /// Among others.
    #[allow(
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn room(
        self: &::std::sync::Arc<Self>,
        peer: &Peer<Reply, Note>,
        user: User,
        room: Room,
        request: Request,
    ) -> ChatState {
        room.say(peer, &user, request).await;
        ChatState::Room(user, room)
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn noted(
        self: &::std::sync::Arc<Self>,
        user: User,
        room: Room,
        note: Note,
    ) -> (Reply, ChatState) {
        (Reply::from(note), ChatState::Room(user, room))
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn asleep(
        self: &::std::sync::Arc<Self>,
        _user: User,
        _room: Room,
    ) -> (Reply, ChatState) {
        (Reply::Bye, ChatState::Closed)
    }
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn left(
        self: &::std::sync::Arc<Self>,
        session: Session,
        last: Option<ChatState>,
        reason: Reason,
    ) {
        self.log(session, last, reason).await;
    }
}
/// Where a session stands: a variant for each `#[state]`.
#[derive(Debug)]
pub enum ChatState {
    /// Nobody is known yet.
    Login((u8)),
    /// Among others.
    Room((User), (Room)),
    /// The session ends, once what it has to say is written.
    Closed,
}
/**```mermaid
stateDiagram-v2
    login : login
    login : u8
    login : max_duration 30s
    room : room
    room : User, Room
    room : idle 5m
    [*] --> login
    login --> room
    login --> [*]
    login --> login
    login --> [*] : timeout
    room --> room
    room --> room : noted
    room --> [*] : timeout
```*/
#[automatically_derived]
impl ::portcullis::Service for Chat {
    type Request = Request;
    type Response = Reply;
    type Error = Error;
    type Conn = Session;
    type Event = Note;
    type State = ChatState;
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["login", "room"];
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
        ::core::result::Result::Ok({
            let (conn, state) = Self::connected(self, peer).await;
            ::portcullis::__private::Connected {
                conn,
                state,
            }
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
        let step = {
            let flow: ::core::ops::ControlFlow<
                <Self as ::portcullis::Service>::Response,
                <Self as ::portcullis::Service>::Request,
            > = Self::allow(self, conn, request).await;
            match flow {
                ::core::ops::ControlFlow::Continue(request) => {
                    match state {
                        ChatState::Login(attempts) => {
                            let (response, next) = Self::login(self, attempts, request)
                                .await?;
                            ::portcullis::__private::Step::<Self>::reply(next, response)
                        }
                        ChatState::Room(user, room) => {
                            ::portcullis::__private::Step::go(
                                Self::room(self, peer, user, room, request).await,
                            )
                        }
                        ChatState::Closed => {
                            ::portcullis::__private::Step::go(ChatState::Closed)
                        }
                    }
                }
                ::core::ops::ControlFlow::Break(response) => {
                    ::portcullis::__private::Step::reply(state, response)
                }
            }
        };
        for response in step.responses.as_slice() {
            Self::count(self, response).await;
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
            ChatState::Room(user, room) => {
                let (response, next) = Self::noted(self, user, room, event).await;
                ::portcullis::__private::Step::<Self>::reply(next, response)
            }
            other => {
                return ::core::result::Result::Ok(::core::ops::ControlFlow::Break(other));
            }
        };
        for response in step.responses.as_slice() {
            Self::count(self, response).await;
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
            ChatState::Room(data0, data1) => {
                let (response, next) = Self::asleep(self, data0, data1).await;
                ::portcullis::__private::Step::<Self>::reply(next, response)
            }
            other => {
                return ::core::result::Result::Ok(::core::ops::ControlFlow::Break(other));
            }
        };
        for response in step.responses.as_slice() {
            Self::count(self, response).await;
        }
        ::core::result::Result::Ok(::core::ops::ControlFlow::Continue(step))
    }
    fn state_index(state: &<Self as ::portcullis::Service>::State) -> u16 {
        match state {
            ChatState::Login(..) => 0u16,
            ChatState::Room(..) => 1u16,
            ChatState::Closed => 2u16,
        }
    }
    fn state_name(index: u16) -> &'static str {
        match index {
            0u16 => "login",
            1u16 => "room",
            _ => "closed",
        }
    }
    const MIN_STATE_TIMEOUT: ::core::option::Option<::core::time::Duration> = ::portcullis::__private::shortest(
        &[
            ::core::option::Option::None,
            ::core::option::Option::Some(::core::time::Duration::from_secs(30u64)),
            ::core::option::Option::Some(::core::time::Duration::from_secs(300u64)),
            ::core::option::Option::None,
        ],
    );
    fn state_limits(
        self: &::std::sync::Arc<Self>,
        state: &<Self as ::portcullis::Service>::State,
    ) -> ::portcullis::StateLimits {
        match state {
            ChatState::Login(..) => {
                ::portcullis::StateLimits {
                    idle: ::core::option::Option::None,
                    max_duration: ::core::option::Option::Some(
                        ::core::time::Duration::from_secs(30u64),
                    ),
                }
            }
            ChatState::Room(..) => {
                ::portcullis::StateLimits {
                    idle: ::core::option::Option::Some(
                        ::core::time::Duration::from_secs(300u64),
                    ),
                    max_duration: ::core::option::Option::None,
                }
            }
            _ => ::portcullis::StateLimits::NONE,
        }
    }
    fn half_close(
        state: &<Self as ::portcullis::Service>::State,
    ) -> ::portcullis::__private::HalfClose {
        match state {
            ChatState::Room(..) => ::portcullis::__private::HalfClose::Cancel,
            _ => <Self as ::portcullis::Service>::HALF_CLOSE,
        }
    }
    fn closes(state: &<Self as ::portcullis::Service>::State) -> bool {
        ::core::matches!(state, ChatState::Closed)
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnConnect, "connected", "").next(&["login"]),
            Method::new(Role::Before, "allow", ""),
            Method::new(Role::After, "count", ""),
            Method::new(Role::OnState, "login", "Nobody is known yet.")
                .start()
                .max_duration("30s")
                .data(&["u8"])
                .next(&["room", "closed", "login"]),
            Method::new(Role::OnState, "room", "Among others.")
                .idle("5m")
                .data(&["User", "Room"])
                .next(&["room"]),
            Method::new(Role::OnEvent, "noted", "").states(&["room"]).next(&["room"]),
            Method::new(Role::OnTimeout, "asleep", "")
                .states(&["room"])
                .next(&["closed"]),
            Method::new(Role::OnDisconnect, "left", ""),
        ];
        Description::new("Chat", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::on as _; use ::portcullis::before as _; use
    ::portcullis::after as _; use ::portcullis::state as _; use ::portcullis::state as _;
    use ::portcullis::event as _; use ::portcullis::on as _; use ::portcullis::on as _;
    }; }
}
