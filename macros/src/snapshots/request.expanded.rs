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
    type Conn = <Conn as ::portcullis::__private::OkType<
        { ::portcullis::__private::is_result!(Conn) },
    >>::Ok;
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["thumbnail"];
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
            conn: <Conn as ::portcullis::__private::IntoServiceResult<
                { ::portcullis::__private::is_result!(Conn) },
                <Self as ::portcullis::Service>::Error,
            >>::into_result(Self::connected(self).await)?,
            state: (),
        })
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
        let response: Thumbnail = Self::thumbnail(
                self,
                peer,
                <Conn as ::portcullis::__private::BorrowsConn<
                    <Self as ::portcullis::Service>::Conn,
                    _,
                >>::borrowed(conn),
                request,
            )
            .await?;
        ::core::result::Result::Ok(::portcullis::__private::Step::reply(state, response))
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
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
