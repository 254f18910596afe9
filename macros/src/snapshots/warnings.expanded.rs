impl Thumbnails {
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn load(self: &::std::sync::Arc<Self>, name: String) -> Vec<u8> {
        const _: () = ::portcullis::lints::THREAD_SLEEP;
        std::thread::sleep(MOMENT);
        self.read(name).await
    }
    fn read(
        self: &::std::sync::Arc<Self>,
        name: String,
    ) -> ::portcullis::Offload<Vec<u8>> {
        ::portcullis::__private::moves_between_threads::<String>();
        ::portcullis::__private::moves_between_threads::<Vec<u8>>();
        let pool: &::portcullis::Pool = ::portcullis::__private::runs_on(&self.disk);
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        ::portcullis::__private::ServiceJob(pool.job("Thumbnails::read"), this)
            .run::<
                _,
                Vec<u8>,
            >(move |this, worker| Self::blocking_read(this, worker, name))
    }
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    fn blocking_read(
        self: &::std::sync::Arc<Self>,
        worker: &Worker,
        name: String,
    ) -> Vec<u8> {
        let _ = Self::read;
        ::portcullis::lints::unused_worker(worker);
        name.into_bytes()
    }
}
/**```mermaid
flowchart LR
    subgraph the-loop["loop"]
        load("load")
    end
    subgraph pool-0["self.disk"]
        read["read"]
    end
    load -->|".await"| read
```*/
#[automatically_derived]
impl ::portcullis::Service for Thumbnails {
    type Request = String;
    type Response = Vec<u8>;
    type Error = ::core::convert::Infallible;
    type Conn = ();
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["load"];
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
        let response: Vec<u8> = Self::load(self, request).await;
        ::core::result::Result::Ok(::portcullis::__private::Step::reply(state, response))
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnRequest, "load", "").calls(&["read"]),
            Method::new(Role::RunsOnPool, "read", "").pool("self.disk"),
        ];
        Description::new("Thumbnails", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::request as _; use ::portcullis::blocking as
    _; }; }
}
