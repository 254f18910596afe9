//! The handler lives in one block; the other has what it calls.
impl Search {
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn search(self: &::std::sync::Arc<Self>, query: Query) -> Result<Hits, Error> {
        self.scan(query).await
    }
}
#[automatically_derived]
impl ::portcullis::Service for Search {
    type Request = Query;
    type Response = Hits;
    type Error = Error;
    type Conn = ();
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["search"];
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
        let response: Hits = Self::search(self, request).await?;
        ::core::result::Result::Ok(::portcullis::__private::Step::reply(state, response))
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnRequest, "search", ""),
        ];
        Description::new("Search", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::request as _; }; }
}
impl Search {
    fn scan(
        self: &::std::sync::Arc<Self>,
        query: Query,
    ) -> ::portcullis::Offload<Hits, Error> {
        ::portcullis::__private::moves_between_threads::<Query>();
        ::portcullis::__private::moves_between_threads::<Hits>();
        ::portcullis::__private::moves_between_threads::<Error>();
        ::portcullis::__private::is_error_of_a_job::<Error>();
        let pool: &::portcullis::Pool = ::portcullis::__private::runs_on(&self.cpu);
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        pool.job("Search::scan")
            .try_run::<
                _,
                Hits,
                Error,
            >(move |worker| Self::blocking_scan(&this, worker, query))
    }
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    fn blocking_scan(
        self: &::std::sync::Arc<Self>,
        _worker: &::portcullis::Worker,
        query: Query,
    ) -> Result<Hits, Error> {
        let _ = Self::scan;
        self.index.scan(&query)
    }
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::blocking as _; }; }
}
