//! A trait of calls in a crate of its own: what clients and services share. `tests/rpc_trait.rs`
//! implements it in another crate.

use portcullis::Sender;
use portcullis::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The number of the picture.
    pub id: u32,
}

/// Why a picture was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageError {
    /// It has no bytes.
    Empty,
}

/// A name for a result, as crates have one.
pub type Result<T> = std::result::Result<T, ImageError>;

/// Pictures and their catalogue.
#[rpc(derive(Clone, Debug, PartialEq))]
pub trait Images {
    /// Shrinks a picture.
    #[rpc(name = "images/shrink", number = 7)]
    fn shrink(&self, picture: Vec<u8>, width: u32) -> Result<Vec<u8>>;

    /// Returns how many pictures there are.
    async fn count(&self) -> u64;

    /// Sends the rows that contain the text.
    fn search(&self, rows: &Sender<Row>, text: String) -> Result<u32>;

    #[cfg(any())]
    async fn never(&self) -> Missing;

    /// Answers without a result.
    async fn touch(&self, r#type: String);

    /// Ends at the deadline of the call.
    fn spin(&self) -> u32;
}
