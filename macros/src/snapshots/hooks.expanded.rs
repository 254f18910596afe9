//! All hooks.
impl Chat {
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn say(self: &::std::sync::Arc<Self>, line: Line) -> Result<Line, Error> {
        Ok(line)
    }
    async fn start(
        self: &::std::sync::Arc<Self>,
        cleanup: &mut Cleanup,
    ) -> io::Result<()> {
        self.log.open(cleanup).await
    }
    #[allow(clippy::unused_async)]
    async fn connected(
        self: &::std::sync::Arc<Self>,
        peer: &Peer<Line>,
    ) -> Result<Name, Error> {
        self.name(peer)
    }
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn failed(
        self: &::std::sync::Arc<Self>,
        peer: &Peer<Line>,
        name: &mut Name,
        error: SessionError<Error>,
    ) -> ControlFlow<Reason, Line> {
        ControlFlow::Continue(Line::from(error))
    }
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn left(
        self: &::std::sync::Arc<Self>,
        peer: &Peer<Line>,
        name: Name,
        reason: Reason,
    ) {
        self.log.write(peer, name, reason).await;
    }
    async fn stopped(self: &::std::sync::Arc<Self>) {
        self.log.close().await;
    }
}
#[automatically_derived]
impl ::portcullis::Service for Chat {
    type Request = Line;
    type Response = Line;
    type Error = Error;
    type Conn = Name;
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["say"];
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
            conn: Self::connected(self, peer).await?,
            state: (),
        })
    }
    async fn on_start(
        self: &::std::sync::Arc<Self>,
        cleanup: &mut ::portcullis::Cleanup,
    ) -> ::core::result::Result<(), ::portcullis::__private::BoxError> {
        Self::start(self, cleanup).await?;
        ::core::result::Result::Ok(())
    }
    async fn on_error(
        self: &::std::sync::Arc<Self>,
        peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        conn: &mut <Self as ::portcullis::Service>::Conn,
        error: ::portcullis::SessionError<<Self as ::portcullis::Service>::Error>,
    ) -> ::core::ops::ControlFlow<
        ::portcullis::Reason,
        <Self as ::portcullis::Service>::Response,
    > {
        Self::failed(self, peer, conn, error).await
    }
    async fn on_disconnect(
        self: &::std::sync::Arc<Self>,
        peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        conn: <Self as ::portcullis::Service>::Conn,
        _last: ::core::option::Option<<Self as ::portcullis::Service>::State>,
        reason: ::portcullis::Reason,
    ) {
        Self::left(self, peer, conn, reason).await;
    }
    async fn on_stop(self: &::std::sync::Arc<Self>) {
        Self::stopped(self).await;
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
        let response: Line = Self::say(self, request).await?;
        ::core::result::Result::Ok(::portcullis::__private::Step::reply(state, response))
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnRequest, "say", ""),
            Method::new(Role::OnStart, "start", ""),
            Method::new(Role::OnConnect, "connected", ""),
            Method::new(Role::OnError, "failed", ""),
            Method::new(Role::OnDisconnect, "left", ""),
            Method::new(Role::OnStop, "stopped", ""),
        ];
        Description::new("Chat", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::request as _; use ::portcullis::on as _; use
    ::portcullis::on as _; use ::portcullis::on as _; use ::portcullis::on as _; use
    ::portcullis::on as _; }; }
}
