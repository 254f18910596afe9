impl Wrong {
    #[allow(unused)]
    #[allow(clippy::unused_async, clippy::unused_self, clippy::needless_pass_by_value)]
    async fn ping(self: &::std::sync::Arc<Self>, ping: &Ping) -> Pong {
        ::core::unimplemented!()
    }
    #[allow(clippy::unused_async, clippy::unused_self, clippy::needless_pass_by_value)]
    async fn talk(self: &::std::sync::Arc<Self>, session: &mut Session<Ping, Pong>) {}
    #[allow(unused)]
    #[allow(dead_code)]
    fn shrink(
        self: &::std::sync::Arc<Self>,
        bytes: &[u8],
    ) -> ::portcullis::Offload<Image, Error> {
        ::core::unimplemented!()
    }
    #[allow(unused)]
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(clippy::needless_pass_by_value, clippy::unused_self)]
    fn blocking_shrink(
        self: &::std::sync::Arc<Self>,
        _worker: &::portcullis::Worker,
        bytes: &[u8],
    ) -> Result<Image, Error> {
        Image::read(bytes)
    }
    #[allow(unused)]
    #[allow(unused)]
    #[allow(dead_code)]
    fn hash(
        self: &::std::sync::Arc<Self>,
        bytes: Vec<u8>,
    ) -> ::portcullis::Offload<u64> {
        ::core::unimplemented!()
    }
    #[allow(unused)]
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(unused)]
    #[allow(clippy::needless_pass_by_value, clippy::unused_self)]
    fn blocking_hash(
        self: &::std::sync::Arc<Self>,
        _worker: &::portcullis::Worker,
        bytes: Vec<u8>,
    ) -> u64 {
        ::core::unimplemented!()
    }
    #[allow(unused)]
    fn count(
        self: &::std::sync::Arc<Self>,
    ) -> impl ::core::future::Future<Output = u64> + ::core::marker::Send + use<> {
        let this: ::std::sync::Arc<Self> = ::core::clone::Clone::clone(self);
        async move { Self::__count(&this).await }
    }
    #[allow(unused)]
    #[doc(hidden)]
    #[allow(clippy::unused_async, clippy::unused_self, clippy::needless_pass_by_value)]
    async fn __count(self: &::std::sync::Arc<Self>) -> u64 {
        ::core::unimplemented!()
    }
    #[allow(clippy::unused_async, clippy::unused_self, clippy::needless_pass_by_value)]
    async fn failed(self: &::std::sync::Arc<Self>) {}
    async fn greeting(self: &::std::sync::Arc<Self>, hello: Hello) -> Self {}
}
#[automatically_derived]
impl ::portcullis::Service for Wrong {
    type Request = Ping;
    type Response = Pong;
    type Error = ::core::convert::Infallible;
    type Conn = ();
    type Event = ::core::convert::Infallible;
    type State = ();
    type Style = ::portcullis::__private::Stepwise;
    const HALF_CLOSE: ::portcullis::__private::HalfClose = ::portcullis::__private::HalfClose::Cancel;
    async fn on_connect(
        self: &::std::sync::Arc<Self>,
        _peer: &::portcullis::Peer<Self::Response, Self::Event>,
    ) -> ::core::result::Result<::portcullis::__private::Opened<Self>, Self::Error> {
        ::core::result::Result::Ok(::portcullis::__private::Opened {
            conn: (),
            state: (),
        })
    }
}
#[automatically_derived]
impl ::portcullis::__private::Steps for Wrong {
    #[allow(unused)]
    async fn step(
        self: &::std::sync::Arc<Self>,
        state: Self::State,
        peer: &::portcullis::Peer<Self::Response, Self::Event>,
        _conn: &mut Self::Conn,
        request: Self::Request,
    ) -> ::core::result::Result<::portcullis::__private::Step<Self>, Self::Error> {
        ::core::unimplemented!()
    }
}
::core::compile_error! {
    "unknown option `reqest` of `#[service]`: did you mean `request`?"
}
::core::compile_error! {
    "a `#[request]` handler runs on the loop and is async: write `async fn ping`, and call a `#[blocking]` method for what blocks"
}
::core::compile_error! {
    "a `#[request]` handler shares the service with other connections and takes `&self`: put what it changes into an atomic, a `Mutex`, or the connection's value"
}
::core::compile_error! {
    "the request is the last parameter, and owned: write `async fn ping(&self, [peer: &Peer<Response>,] [conn: &mut Conn,] request: Request) -> Response`"
}
::core::compile_error! {
    "the handlers of a service are of one kind, and `ping` is a `#[request]`: move this `#[session]` to a service of its own"
}
::core::compile_error! {
    "unknown option `dedline` of `#[blocking]`: did you mean `deadline`?"
}
::core::compile_error! {
    "this argument is borrowed, and a job may outlive its caller: write `Vec<u8>`"
}
::core::compile_error! {
    "a blocking function runs on a pool thread, an `async fn` on the loop: remove `async` and wait for async methods with `.wait(worker)?`, or remove `#[blocking]`"
}
::core::compile_error! {
    "`self` is a `&Arc<Self>` here: write `= &**self` to take the service apart"
}
::core::compile_error! {
    "unknown event `eror` of `#[on]`: did you mean `error`?"
}
::core::compile_error! {
    "`#[state]` is not supported in this version of portcullis"
}
struct NotABlock;
::core::compile_error! {
    "`#[service]` goes on an `impl` block, not on a struct: write `#[service] impl NotABlock { .. }`"
}
async fn outside(&self, ping: Ping) -> Pong {
    Pong
}
::core::compile_error! {
    "`#[request]` is read by `#[service]`: write it on a method, and `#[service]` on the `impl` block around it"
}
impl Alone {
    #[allow(unused)]
    #[allow(dead_code)]
    fn work(&self) -> ::portcullis::Offload<u64> {
        ::core::unimplemented!()
    }
    #[allow(unused)]
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(clippy::needless_pass_by_value, clippy::unused_self)]
    fn blocking_work(&self, _worker: &::portcullis::Worker) -> u64 {
        self.n
    }
    ::core::compile_error! {
        "outside `#[service]` a blocking method is written `self: &Arc<Self>`, so that its job can own a handle"
    }
}
