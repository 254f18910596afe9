//! Every mistake is said once, and everything stays callable.
impl Wrong {
    #[allow(unused)]
    #[allow(clippy::unused_async)]
    async fn ping(self: &::std::sync::Arc<Self>, ping: &Ping) -> Pong {
        ::portcullis::__private::for_editors! {
            { let this = & ::core::compile_error! {
            "a `#[request]` handler runs on the event loop and must be `async`: write `async fn ping`, and move code that blocks to a `#[blocking]` method"
            }; this.pings += 1; Pong } { self.pings += 1; Pong }
        }
    }
    #[allow(clippy::unused_async, clippy::unused_self)]
    async fn talk(self: &::std::sync::Arc<Self>, session: &mut Session<Ping, Pong>) {}
    #[allow(unused)]
    fn shrink(
        self: &::std::sync::Arc<Self>,
        bytes: &[u8],
    ) -> ::portcullis::Offload<Image, Error> {
        ::core::unreachable!()
    }
    #[allow(unused)]
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(clippy::unused_self)]
    fn blocking_shrink(
        self: &::std::sync::Arc<Self>,
        _worker: &::portcullis::Worker,
        bytes: &[u8],
    ) -> Result<Image, Error> {
        Image::read(bytes)
    }
    #[allow(unused)]
    #[allow(unused)]
    fn hash(
        self: &::std::sync::Arc<Self>,
        bytes: Vec<u8>,
    ) -> ::portcullis::Offload<u64> {
        ::core::unreachable!()
    }
    #[allow(unused)]
    /// Runs on the calling thread: for code that holds a `Worker` already.
    #[allow(unused)]
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value)]
    fn blocking_hash(
        self: &::std::sync::Arc<Self>,
        _worker: &::portcullis::Worker,
        bytes: Vec<u8>,
    ) -> u64 {
        ::portcullis::__private::for_editors! {
            { let _ = async move || -> u64 { let this = & ::core::compile_error! {
            "`#[blocking]` functions can't be `async`: remove `async` and call async methods with `.wait(worker)?`, or remove `#[blocking]`"
            }; this.count(). await }; ::core::unreachable!() } { self.count(). await }
        }
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
    #[allow(clippy::unused_async)]
    async fn __count(self: &::std::sync::Arc<Self>) -> u64 {
        ::portcullis::__private::for_editors! {
            { let this = & ::core::compile_error! {
            "`self` is a `&Arc<Self>` here: write `= &**self` to take the service apart"
            }; let Self { counter } = & * * self; counter.get() } { let Self { counter }
            = self; counter.get() }
        }
    }
    #[allow(clippy::unused_async, clippy::unused_self)]
    async fn failed(self: &::std::sync::Arc<Self>) {}
    #[allow(
        clippy::unused_async,
        clippy::unused_self,
        clippy::needless_pass_by_value,
        clippy::large_types_passed_by_value
    )]
    async fn greeting(self: &::std::sync::Arc<Self>, hello: Hello) -> Self {}
}
/// Where a session stands: a variant for each `#[state]`.
pub enum WrongState {
    /// The state `greeting`.
    Greeting,
    /// The session ends, once what it has to say is written.
    Closed,
}
#[automatically_derived]
impl ::portcullis::__private::NextState<Wrong, ::portcullis::__private::StateAlone>
for WrongState {
    fn into_step(
        self,
    ) -> ::core::result::Result<
        ::portcullis::__private::Step<Wrong>,
        <Wrong as ::portcullis::Service>::Error,
    > {
        ::core::result::Result::Ok(::portcullis::__private::Step::go(self))
    }
}
#[automatically_derived]
impl<Otherwise> ::portcullis::__private::NextTypes<Otherwise> for WrongState {
    type Response = Otherwise;
    type Err = Otherwise;
}
/**```mermaid
stateDiagram-v2
    greeting : greeting
    [*] --> greeting
```

```mermaid
flowchart LR
    subgraph the-loop["loop"]
        count[["count"]]
    end
    subgraph pool-0["self.cpu"]
        shrink["shrink"]
    end
    subgraph pool-1["Pool#58;#58;shared()"]
        hash["hash"]
    end
    hash -->|".wait(worker)"| count
```*/
#[automatically_derived]
impl ::portcullis::Service for Wrong {
    type Request = Hello;
    type Response = <Self as ::portcullis::__private::NextTypes<
        ::portcullis::__private::Unknown,
    >>::Response;
    type Error = <Self as ::portcullis::__private::ErrType<
        { ::portcullis::__private::is_result!(Self) },
        ::core::convert::Infallible,
    >>::Err;
    type Conn = ();
    type Event = ::core::convert::Infallible;
    type State = WrongState;
    type Kind = ::portcullis::__private::PerRequest;
    const HANDLERS: &'static [&'static str] = &["greeting"];
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
            state: WrongState::Greeting,
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
        let step = match state {
            WrongState::Greeting => {
                ::portcullis::__private::NextState::into_step(
                    Self::greeting(self, request).await,
                )?
            }
            WrongState::Closed => ::portcullis::__private::Step::go(WrongState::Closed),
        };
        ::core::result::Result::Ok(step)
    }
    fn state_index(state: &<Self as ::portcullis::Service>::State) -> u16 {
        match state {
            WrongState::Greeting => 0u16,
            WrongState::Closed => 1u16,
        }
    }
    fn state_name(index: u16) -> &'static str {
        match index {
            0u16 => "greeting",
            _ => "closed",
        }
    }
    fn closes(state: &<Self as ::portcullis::Service>::State) -> bool {
        ::core::matches!(state, WrongState::Closed)
    }
    fn recover(
        self: &::std::sync::Arc<Self>,
        index: u16,
    ) -> ::core::option::Option<<Self as ::portcullis::Service>::State> {
        match index {
            0u16 => ::core::option::Option::Some(WrongState::Greeting),
            _ => ::core::option::Option::None,
        }
    }
    const SERVICE_DESCRIPTION: ::portcullis::describe::Description<'static> = {
        use ::portcullis::describe::{Description, Method, Role};
        const METHODS: &[Method<'static>] = &[
            Method::new(Role::OnRequest, "ping", ""),
            Method::new(Role::OnSession, "talk", ""),
            Method::new(Role::RunsOnPool, "shrink", "").pool("self.cpu"),
            Method::new(Role::RunsOnPool, "hash", "").calls(&["count"]),
            Method::new(Role::AsyncHelper, "count", ""),
            Method::new(Role::OnState, "greeting", "").start(),
        ];
        Description::new("Wrong", "", METHODS)
    };
}
::portcullis::__private::for_editors! {
    {} { const _ : () = { use ::portcullis::request as _; use ::portcullis::session as _;
    use ::portcullis::blocking as _; use ::portcullis::blocking as _; use
    ::portcullis::on as _; use ::portcullis::state as _; }; }
}
::core::compile_error! {
    "unknown option `reqest` of `#[service]`: did you mean `request`?"
}
::core::compile_error! {
    "a `#[request]` handler must take `&self`, because connections share the service: put what it changes into an atomic, a `Mutex`, or the connection's value"
}
::core::compile_error! {
    "the request must be the last parameter, by value: write `async fn ping(&self, [peer: &Peer<Response>,] [conn: &mut Conn,] request: Request) -> Response`"
}
::core::compile_error! {
    "a service can't mix handler kinds, and `greeting` is a `#[state]`: move this `#[request]` to another service, or make it a state"
}
::core::compile_error! {
    "a service can't mix handler kinds, and `greeting` is a `#[state]`: move this `#[session]` to another service, or make it a state"
}
::core::compile_error! {
    "unknown option `dedline` of `#[blocking]`: did you mean `deadline`?"
}
::core::compile_error! {
    "this argument is a reference, but a job may outlive its caller: write `Vec<u8>`"
}
::core::compile_error! {
    "unknown event `eror` of `#[on]`: did you mean `error`?"
}
struct NotABlock;
::core::compile_error! {
    "`#[service]` can be used only on an `impl` block, not on a struct: write `#[service] impl NotABlock { .. }`"
}
async fn outside(&self, ping: Ping) -> Pong {
    Pong
}
::core::compile_error! {
    "`#[request]` can be used only on a method in a `#[service]` block: write `#[service]` on the `impl` block around it"
}
impl Alone {
    #[allow(unused)]
    fn work(&self) -> ::portcullis::Offload<u64> {
        ::core::unreachable!()
    }
    #[allow(unused)]
    /// Runs on the calling thread: for code that holds a `Worker` already.
    fn blocking_work(&self, _worker: &::portcullis::Worker) -> u64 {
        self.n
    }
    ::core::compile_error! {
        "outside `#[service]`, the job of a blocking method must own an `Arc` of the receiver: write `self: &Arc<Self>`"
    }
}
