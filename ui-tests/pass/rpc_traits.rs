//! Traits of calls: without the prelude of std, under every visibility, with names that the
//! expansion uses itself, and services that implement them.
#![deny(warnings)]
#![no_implicit_prelude]

mod api {
    use ::portcullis::Sender;
    use ::portcullis::prelude::rpc;

    /// Names of the expansion.
    pub type Result = u8;

    #[derive(::serde::Serialize, ::serde::Deserialize)]
    pub struct Option {
        pub call: u32,
    }

    #[rpc(derive(Clone, Copy, ::std::fmt::Debug))]
    pub(crate) trait Numbers {
        fn call(&self, reply: u32, serializer: u8) -> u64;
        async fn output(&self, deserializer: u32) -> ::std::result::Result<u64, Result>;
        #[deprecated]
        async fn params(&self, value: u64) -> u64;
        fn item(&self, sender: &Sender<u32>, item: u32);
        fn r#type(&self, r#fn: u32, _unused: u32) -> u32;
        #[cfg(any())]
        fn left_out(&self) -> Missing;
        #[cfg(not(any()))]
        #[allow(clippy::needless_lifetimes)]
        fn left_in(&self) -> ();
    }

    #[rpc]
    pub trait Options {
        async fn option(&self, option: Option) -> Option;
    }
}

#[::portcullis::rpc]
trait Private {
    async fn one(&self);
}

#[derive(Clone, Copy, Debug)]
struct Server<T>(T);

use ::std::clone::Clone;
use ::std::convert::From;
use ::std::fmt::Debug;
use ::std::marker::{Copy, Send, Sync};

#[::portcullis::service(rpc = self::api::Numbers)]
impl<T: Send + Sync + 'static> Server<T> {
    #[rpc]
    async fn left_in(&self) {}

    #[rpc]
    async fn call(&self, reply: u32, serializer: u8) -> u64 {
        u64::from(reply + u32::from(serializer))
    }

    #[rpc]
    #[blocking]
    fn output(&self, deserializer: u32) -> ::std::result::Result<u64, u8> {
        ::std::result::Result::Ok(u64::from(deserializer))
    }

    #[rpc]
    async fn params(&self, value: u64) -> ::std::result::Result<u64, ::portcullis::Interrupted> {
        ::std::result::Result::Ok(value)
    }

    #[rpc]
    async fn item(&self, sender: &::portcullis::Sender<u32>, item: u32) {
        let _ = sender.send_async(item).await;
    }

    #[rpc]
    #[cfg(not(any()))]
    async fn r#type(self: &::std::sync::Arc<Self>, _: u32, r#fn: u32) -> u32 {
        r#fn
    }

    #[rpc]
    #[cfg(any())]
    async fn left_out(&self) {}
}

struct Own;

#[::portcullis::service(rpc = Private, rpc(half_close = answer), max_in_flight = 2)]
impl Own {
    #[rpc]
    async fn one(&self) {}
}

/// The trait comes after its service, and the service's type has the name of a generated type.
struct LaterClient;

#[::portcullis::service(rpc = later::Later)]
impl LaterClient {
    #[rpc]
    async fn one(&self, one: u32) -> u32 {
        one
    }
}

mod later {
    #[::portcullis::rpc]
    pub trait Later {
        async fn one(&self, one: u32) -> u32;
    }
}

fn is_service<S: ::portcullis::Service>(_: S) {}

fn main() {
    is_service(Server(0_u8));
    is_service(Own);
    is_service(LaterClient);
    let call = api::NumbersCall::Call { reply: 1, serializer: 2 };
    ::std::assert_eq!(::std::format!("{:?}", call.clone()), "Call { reply: 1, serializer: 2 }");
    let _ = |client: &PrivateClient| client.one();
    let _ = |client: &api::OptionsClient| client.option(api::Option { call: 1 });
}
