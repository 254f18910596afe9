#[service(state(derive(Debug)))]
impl Chat {
    #[on(connect)]
    async fn connected(&self, peer: &Peer<Reply, Note>) -> (Session, ChatState) {
        (Session::new(peer), ChatState::Login(3))
    }

    #[before]
    async fn allow(&self, session: &mut Session, request: Request) -> ControlFlow<Reply, Request> {
        session.allow(request)
    }

    #[after]
    async fn count(&self, reply: &Reply) {
        self.replies.add(reply);
    }

    /// Nobody is known yet.
    #[state(start, max_duration = "30s")]
    async fn login(&self, attempts: u8, request: Request) -> Result<(Reply, ChatState), Error> {
        match self.user(request).await? {
            Some(user) => Ok((Reply::Welcome, ChatState::Room(user, self.hall()))),
            None if attempts == 0 => Ok((Reply::Refused, ChatState::Closed)),
            None => Ok((Reply::Refused, ChatState::Login(attempts - 1))),
        }
    }

    /// Among others.
    #[state(idle = "5m")]
    async fn room(&self, peer: &Peer<Reply, Note>, user: User, room: Room, request: Request) -> ChatState {
        room.say(peer, &user, request).await;
        ChatState::Room(user, room)
    }

    #[event(room)]
    async fn noted(&self, user: User, room: Room, note: Note) -> (Reply, ChatState) {
        (Reply::from(note), ChatState::Room(user, room))
    }

    #[on(timeout = room)]
    async fn asleep(&self, _user: User, _room: Room) -> (Reply, ChatState) {
        (Reply::Bye, ChatState::Closed)
    }

    #[on(disconnect)]
    async fn left(&self, session: Session, last: Option<ChatState>, reason: Reason) {
        self.log(session, last, reason).await;
    }
}
