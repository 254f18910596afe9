//! Expansions use nothing from the prelude of std.
#![no_implicit_prelude]
use ::portcullis::prelude::{Pool, service};

struct Echo {
    pool: Pool,
}

#[service]
impl Echo {
    #[request]
    async fn echo(
        &self,
        peer: &::portcullis::Peer<::std::string::String>,
        conn: &mut u64,
        text: ::std::string::String,
    ) -> ::std::result::Result<::std::string::String, ::portcullis::Interrupted> {
        *conn += peer.id();
        self.upper(text).await
    }

    #[blocking(pool = self.pool, deadline = "2s")]
    fn upper(&self, worker: &::portcullis::Worker, text: ::std::string::String) -> ::std::string::String {
        let n = ::portcullis::Wait::wait(self.more(1), worker);
        ::std::assert!(::std::matches!(n, ::std::result::Result::Ok(2)));
        text.to_uppercase()
    }

    async fn more(&self, n: u64) -> u64 {
        n + 1
    }

    #[on(start)]
    async fn started(&self, cleanup: &mut ::portcullis::Cleanup) -> ::std::io::Result<()> {
        let _ = cleanup;
        ::std::result::Result::Ok(())
    }

    #[on(connect)]
    async fn connected(&self) -> u64 {
        0
    }

    #[on(error)]
    async fn failed(
        &self,
        error: ::portcullis::SessionError<::portcullis::Interrupted>,
    ) -> ::std::ops::ControlFlow<::portcullis::Reason, ::std::string::String> {
        ::std::ops::ControlFlow::Continue(::std::string::ToString::to_string(&error))
    }

    #[on(disconnect)]
    async fn left(&self, conn: u64, reason: ::portcullis::Reason) {
        let _ = (conn, reason);
    }

    #[on(stop)]
    async fn stopped(&self) {}
}

fn main() {
    let pool = ::std::result::Result::unwrap(Pool::builder("echo").threads(1).build());
    let echo = ::std::sync::Arc::new(Echo { pool });
    let runtime = ::std::result::Result::unwrap(::tokio::runtime::Builder::new_current_thread().enable_all().build());
    let said = runtime.block_on(async move { echo.upper(::std::convert::From::from("a")).await });
    ::std::assert_eq!(::std::result::Result::unwrap(said), "A");
}
