//! A request with every parameter.
/// Thumbnails.
impl Thumbnails {
    /// One request in, one response out.
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn thumbnail(
        self: &::std::sync::Arc<Self>,
        peer: &Peer<Thumbnail>,
        conn: &mut Conn,
        ImageRequest { bytes }: ImageRequest,
    ) -> Result<Thumbnail, Error> {
        conn.seen += 1;
        self.shrink(bytes).await
    }
    #[allow(clippy::unused_async, clippy::unused_self)]
    async fn connected(self: &::std::sync::Arc<Self>) -> Conn {
        Conn::default()
    }
}
#[automatically_derived]
impl ::portcullis::Service for Thumbnails {
    type Request = ImageRequest;
    type Response = Thumbnail;
    type Error = Error;
    type Conn = Conn;
    type Event = ::core::convert::Infallible;
    type State = ();
    type Style = ::portcullis::__private::Stepwise;
    const HANDLERS: &'static [&'static str] = &["thumbnail"];
    const HALF_CLOSE: ::portcullis::__private::HalfClose = ::portcullis::__private::HalfClose::Cancel;
    async fn on_connect(
        self: &::std::sync::Arc<Self>,
        _peer: &::portcullis::Peer<Self::Response, Self::Event>,
    ) -> ::core::result::Result<::portcullis::__private::Opened<Self>, Self::Error> {
        ::core::result::Result::Ok(::portcullis::__private::Opened {
            conn: Self::connected(self).await,
            state: (),
        })
    }
}
#[automatically_derived]
impl ::portcullis::__private::Steps for Thumbnails {
    async fn step(
        self: &::std::sync::Arc<Self>,
        state: Self::State,
        peer: &::portcullis::Peer<Self::Response, Self::Event>,
        conn: &mut Self::Conn,
        request: Self::Request,
    ) -> ::core::result::Result<::portcullis::__private::Step<Self>, Self::Error> {
        let response: Thumbnail = Self::thumbnail(self, peer, conn, request).await?;
        ::core::result::Result::Ok(::portcullis::__private::Step::reply(state, response))
    }
}
#[automatically_derived]
impl ::portcullis::Describe for Thumbnails {
    const DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(
                Role::OnRequest,
                "thumbnail",
                "One request in, one response out.",
            ),
            Method::new(Role::OnConnect, "connected", ""),
        ];
        Description::new("Thumbnails", "Thumbnails.", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::request as _; use ::portcullis::on as _; }; }
}
