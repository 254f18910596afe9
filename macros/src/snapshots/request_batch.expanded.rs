//! A handler that takes several requests at once.
impl Journal {
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn append(
        self: &::std::sync::Arc<Self>,
        peer: &Peer<Written>,
        entries: Vec<Entry>,
    ) -> Result<Vec<Written>, Error> {
        self.commit(peer, entries).await
    }
    #[allow(clippy::unused_async)]
    async fn count(self: &::std::sync::Arc<Self>, written: &Written) {
        self.written.add(written);
    }
}
#[automatically_derived]
impl ::portcullis::Service for Journal {
    type Request = Entry;
    type Response = Written;
    type Error = Error;
    type Conn = ();
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["append"];
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
            state: (),
        })
    }
    const MAX_BATCH: usize = ::portcullis::__private::batch_size(64);
    async fn on_requests(
        self: &::std::sync::Arc<Self>,
        state: <Self as ::portcullis::Service>::State,
        peer: &::portcullis::Peer<
            <Self as ::portcullis::Service>::Response,
            <Self as ::portcullis::Service>::Event,
        >,
        _conn: &mut <Self as ::portcullis::Service>::Conn,
        requests: ::std::vec::Vec<<Self as ::portcullis::Service>::Request>,
    ) -> ::core::result::Result<
        ::portcullis::__private::Step<Self>,
        <Self as ::portcullis::Service>::Error,
    > {
        let step = ::portcullis::__private::Step::<
            Self,
        >::new(
            state,
            <Vec<
                Written,
            > as ::portcullis::__private::IntoResponses<
                <Self as ::portcullis::Service>::Response,
                _,
            >>::into_responses(Self::append(self, peer, requests).await?),
        );
        for response in step.responses.as_slice() {
            Self::count(self, response).await;
        }
        ::core::result::Result::Ok(step)
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnRequest, "append", "")
                .batch("64")
                .responses("Vec<Written>"),
            Method::new(Role::After, "count", ""),
        ];
        Description::new("Journal", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::request as _; use ::portcullis::after as _;
    }; }
}
