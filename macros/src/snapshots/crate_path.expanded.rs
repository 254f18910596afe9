//! `portcullis` by another name, and types that the options say.
impl Pinger {
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    async fn ping(self: &::std::sync::Arc<Self>, ping: Ping) -> Pong {
        self.hash(ping).await
    }
    fn hash(
        self: &::std::sync::Arc<Self>,
        ping: Ping,
    ) -> facade::net::Offload<Pong, facade::net::Interrupted> {
        facade::net::__private::moves_between_threads::<Ping>();
        facade::net::__private::moves_between_threads::<Pong>();
        facade::net::__private::moves_between_threads::<facade::net::Interrupted>();
        facade::net::__private::is_error_of_a_job::<facade::net::Interrupted>();
        let pool: &facade::net::Pool = facade::net::Pool::shared();
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        facade::net::__private::ServiceJob(
                pool
                    .job("Pinger::hash")
                    .deadline(::core::time::Duration::from_millis(250)),
                this,
            )
            .try_run::<
                _,
                Pong,
                facade::net::Interrupted,
            >(move |this, worker| Self::blocking_hash(this, worker, ping))
    }
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    fn blocking_hash(
        self: &::std::sync::Arc<Self>,
        _worker: &facade::net::Worker,
        ping: Ping,
    ) -> Result<Pong, facade::net::Interrupted> {
        let _ = Self::hash;
        Ok(Pong::of(ping))
    }
}
/**```mermaid
flowchart LR
    subgraph the-loop["loop"]
        ping("ping")
    end
    subgraph pool-0["Pool#58;#58;shared()"]
        hash["hash<br/>deadline 250ms"]
    end
    ping -->|".await"| hash
```*/
#[automatically_derived]
impl facade::net::Service for Pinger {
    type Request = Ping;
    type Response = Pong;
    type Error = <Pong as facade::net::__private::ErrType<
        { facade::net::__private::is_result!(Pong) },
        ::core::convert::Infallible,
    >>::Err;
    type Conn = ();
    type Event = ::core::convert::Infallible;
    type State = ();
    type Kind = facade::net::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["ping"];
    const HALF_CLOSE: facade::net::__private::HalfClose = facade::net::__private::HalfClose::Answer;
    async fn on_connect(
        self: &::std::sync::Arc<Self>,
        _peer: &facade::net::Peer<
            <Self as facade::net::Service>::Response,
            <Self as facade::net::Service>::Event,
        >,
    ) -> ::core::result::Result<
        facade::net::__private::Connected<Self>,
        <Self as facade::net::Service>::Error,
    > {
        ::core::result::Result::Ok(facade::net::__private::Connected {
            conn: (),
            state: (),
        })
    }
    async fn on_request(
        self: &::std::sync::Arc<Self>,
        state: <Self as facade::net::Service>::State,
        _peer: &facade::net::Peer<
            <Self as facade::net::Service>::Response,
            <Self as facade::net::Service>::Event,
        >,
        _conn: &mut <Self as facade::net::Service>::Conn,
        request: <Self as facade::net::Service>::Request,
    ) -> ::core::result::Result<
        facade::net::__private::Step<Self>,
        <Self as facade::net::Service>::Error,
    > {
        let response: Pong = <Pong as facade::net::__private::IntoServiceResult<
            { facade::net::__private::is_result!(Pong) },
            <Self as facade::net::Service>::Error,
        >>::into_result(Self::ping(self, request).await)?;
        ::core::result::Result::Ok(facade::net::__private::Step::reply(state, response))
    }
    const SERVICE_DESCRIPTION: facade::net::describe::Description<'static> = {
        use facade::net::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnRequest, "ping", "").calls(&["hash"]),
            Method::new(Role::RunsOnPool, "hash", "").deadline("250ms"),
        ];
        Description::new("Pinger", "", METHODS)
    };
}
facade::net::__private::for_editors! {
    {} { const _ : () = { use facade::net::request as _; use facade::net::blocking as _;
    }; }
}
fn free() -> facade::net::Offload<()> {
    fn __body(_worker: &facade::net::Worker) {}
    let _ = {
        fn blocking_free() {}
        let _ = blocking_free;
        {
            use self::*;
            blocking_free
        }
    };
    let pool: &facade::net::Pool = facade::net::Pool::shared();
    pool.job("free").run::<_, ()>(move |worker| __body(worker))
}
/// Runs on the calling thread: for code that holds a `Worker` already.
fn blocking_free(_worker: &facade::net::Worker) {
    let _ = {
        fn free() {}
        let _ = free;
        {
            use self::*;
            free
        }
    };
}
