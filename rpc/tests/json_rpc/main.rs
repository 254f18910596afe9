//! Calls as JSON-RPC 2.0, over TCP: the examples of the specification one by one, what a hostile
//! peer can send, and our own client.

#![cfg(feature = "json")]
#![forbid(unsafe_code)]

mod hostile;
mod language_server;
mod own_client;
mod service;
mod specification;
