//! A linear session of a generic service, whose types hide behind an alias.
impl<S, const N: usize> Chat<S, N>
where
    S: Store + Send + Sync + 'static,
    S: 'static,
    Chat<S, N>: ::core::marker::Send + ::core::marker::Sync,
{
    #[allow(clippy::unused_self)]
    async fn chat(
        self: &::std::sync::Arc<Self>,
        conn: &mut Conn,
        session: &mut Lines,
    ) -> Result<(), Error> {
        while let Ok(line) = session.next().await {
            session.send(line).await?;
        }
        Ok(())
    }
    #[allow(clippy::unused_self)]
    async fn connected(
        self: &::std::sync::Arc<Self>,
        peer: &Peer<Line>,
    ) -> Result<Conn, Refused> {
        Conn::greet(peer).await
    }
}
#[automatically_derived]
impl<S, const N: usize> ::portcullis::Service for Chat<S, N>
where
    S: Store + Send + Sync + 'static,
    S: 'static,
    Chat<S, N>: ::core::marker::Send + ::core::marker::Sync,
{
    type Request = <Lines as ::portcullis::__private::SessionTypes>::Request;
    type Response = <Lines as ::portcullis::__private::SessionTypes>::Response;
    type Error = Error;
    type Conn = Conn;
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerSession;
    const HANDLERS: &'static [&'static str] = &["chat"];
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
            conn: Self::connected(
                    self,
                    <Peer<
                        Line,
                    > as ::portcullis::__private::TakesPeer<
                        ::portcullis::Peer<
                            <Self as ::portcullis::Service>::Response,
                            <Self as ::portcullis::Service>::Event,
                        >,
                    >>::borrowed(peer),
                )
                .await
                .map_err(|error| <Refused as ::portcullis::__private::FailsWith<
                    <Self as ::portcullis::Service>::Error,
                >>::into_error(error))?,
            state: (),
        })
    }
    async fn on_session(
        self: &::std::sync::Arc<Self>,
        conn: &mut <Self as ::portcullis::Service>::Conn,
        session: &mut ::portcullis::Session<
            <Self as ::portcullis::Service>::Request,
            <Self as ::portcullis::Service>::Response,
        >,
    ) -> ::core::result::Result<(), <Self as ::portcullis::Service>::Error> {
        Self::chat(self, conn, session).await
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnSession, "chat", ""),
            Method::new(Role::OnConnect, "connected", ""),
        ];
        Description::new("Chat", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::session as _; use ::portcullis::on as _; }; }
}
impl Echo {
    #[allow(clippy::unused_self)]
    async fn echo(self: &::std::sync::Arc<Self>, session: &mut Session<Bytes, Bytes>) {
        while let Ok(bytes) = session.next().await {
            session.send(bytes).await;
        }
    }
}
#[automatically_derived]
impl ::portcullis::Service for Echo {
    type Request = Bytes;
    type Response = Bytes;
    type Error = ::core::convert::Infallible;
    type Conn = ();
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerSession;
    const HANDLERS: &'static [&'static str] = &["echo"];
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
        Self::echo(self, session).await;
        ::core::result::Result::Ok(())
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[Method::new(Role::OnSession, "echo", "")];
        Description::new("Echo", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::session as _; }; }
}
