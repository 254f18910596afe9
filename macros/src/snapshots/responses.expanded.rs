//! None or several responses, with an interceptor that sees each.
impl Broker {
    #[allow(
        clippy::unused_async,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn allow(
        self: &::std::sync::Arc<Self>,
        packet: Packet,
    ) -> ControlFlow<Reply, Packet> {
        self.gate.allow(packet)
    }
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn handle(
        self: &::std::sync::Arc<Self>,
        packet: Packet,
    ) -> Result<Vec<Reply>, Error> {
        self.replies(packet).await
    }
    #[allow(clippy::unused_async)]
    async fn count(self: &::std::sync::Arc<Self>, reply: &Reply) {
        self.replies.add(reply);
    }
}
#[automatically_derived]
impl ::portcullis::Service for Broker {
    type Request = Packet;
    type Response = Reply;
    type Error = Error;
    type Conn = ();
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["handle"];
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
        let step = ::portcullis::__private::Step::<
            Self,
        >::new(
            state,
            {
                let flow: ::core::ops::ControlFlow<
                    <Self as ::portcullis::Service>::Response,
                    <Self as ::portcullis::Service>::Request,
                > = Self::allow(self, request).await;
                match flow {
                    ::core::ops::ControlFlow::Continue(request) => {
                        <Vec<
                            Reply,
                        > as ::portcullis::__private::IntoResponses<
                            <Self as ::portcullis::Service>::Response,
                            _,
                        >>::into_responses(Self::handle(self, request).await?)
                    }
                    ::core::ops::ControlFlow::Break(response) => {
                        ::portcullis::__private::Responses::One(response)
                    }
                }
            },
        );
        for response in step.responses.as_slice() {
            Self::count(self, response).await;
        }
        ::core::result::Result::Ok(step)
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::Before, "allow", ""),
            Method::new(Role::OnRequest, "handle", "").responses("Vec<Reply>"),
            Method::new(Role::After, "count", ""),
        ];
        Description::new("Broker", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::before as _; use ::portcullis::request as _;
    use ::portcullis::after as _; }; }
}
