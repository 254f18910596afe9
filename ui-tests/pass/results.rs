//! All return types: plain, flattened, nested, aliases, `io::Result`, none.
use portcullis::{Interrupted, prelude::*};
use std::{fmt, io};

#[derive(Debug)]
enum Error {
    Interrupted(Interrupted),
    Odd,
}

impl From<Interrupted> for Error {
    fn from(interrupted: Interrupted) -> Self {
        Error::Interrupted(interrupted)
    }
}

type Result<T, E = Error> = std::result::Result<T, E>;
type Half = std::result::Result<u64, Error>;

#[blocking]
fn nothing() {}

#[blocking]
fn unit() -> () {}

#[blocking]
fn written(n: u64) -> std::result::Result<u64, Error> {
    if n % 2 == 0 { Ok(n / 2) } else { Err(Error::Odd) }
}

#[blocking]
fn alias(n: u64) -> Result<u64> {
    blocked(n)
}

#[blocking]
fn io(name: String) -> io::Result<Vec<u8>> {
    std::fs::read(name)
}

#[blocking(nested)]
fn nested(text: String) -> Result<u64, std::num::ParseIntError> {
    text.parse()
}

#[blocking(flat)]
fn flat(n: u64) -> Half {
    blocked(n)
}

#[blocking(nested)]
fn format(n: u64) -> fmt::Result {
    if n == 0 { Err(fmt::Error) } else { Ok(()) }
}

fn blocked(n: u64) -> Result<u64> {
    if n % 2 == 0 { Ok(n / 2) } else { Err(Error::Odd) }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let _: std::result::Result<(), Interrupted> = nothing().await;
        let _: std::result::Result<(), Interrupted> = unit().await;
        assert!(matches!(written(3).await, Err(Error::Odd)));
        assert!(matches!(alias(4).await, Ok(2)));
        assert_eq!(io("/no/such/file".to_owned()).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(nested("x".to_owned()).await.unwrap().is_err());
        assert!(matches!(flat(2).await, Ok(1)));
        assert!(format(0).await.unwrap().is_err());
        if let Err(Error::Interrupted(interrupted)) = written(1).await {
            panic!("{interrupted}");
        }
    });
}
