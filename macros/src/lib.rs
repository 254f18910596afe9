//! The attributes of `portcullis`: entry points only.
//!
//! Every stage works on `proc_macro2`, so that it is tested without a compiler around it:
//!
//! 1. [`parse`]: the syntax as written, options with the spans of their keys;
//! 2. [`model`]: what was meant: roles of methods and of their parameters;
//! 3. [`check`]: every rule of the language, and nothing else;
//! 4. [`lint`]: what is legal and had better not be done;
//! 5. [`expand`]: a file for each thing that is generated.
//!
//! Mistakes go into a tree of [`report::ErrorSink`]s, are all reported at once, and take down only what
//! they are about.
#![forbid(unsafe_code)]

mod attributes;
mod check;
mod expand;
#[cfg(test)]
mod ide_tests;
mod lint;
mod model;
mod parse;
mod pipeline;
mod report;
#[cfg(test)]
mod snapshots;
mod tokens;

use attributes::AttrKind;
use proc_macro::TokenStream;

/// Whether the facade has the feature `server`. The tests of this crate expand everything.
const HAS_SERVERS: bool = cfg!(any(feature = "server", test));

/// Turns an inherent `impl` block into a threaded service.
///
/// Options: `request = Type` and `response = Type` say what no handler says, `crate = path` names a
/// re-exported `portcullis`, `state(vis = pub(crate), name = Phase, derive(Debug))` is about the
/// enum of the [`#[state]`](macro@state)s. The methods' own attributes are `#[request]`,
/// `#[session]`, `#[state]`, `#[event]`, `#[before]`, `#[after]`, `#[on(..)]` and
/// `#[blocking(..)]`; an `async fn` without one that owns its arguments becomes a helper that can
/// be awaited, spawned, or waited for from a thread.
///
/// The handlers of a service are of one kind: one `#[request]`, one `#[session]`, or some
/// `#[state]`s.
#[proc_macro_attribute]
pub fn service(options: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::service(options.into(), item.into()).into()
}

/// Makes a function run on the threads of a pool: `f(..)` gives an `Offload` to await,
/// `blocking_f(worker, ..)` runs the body on the calling thread.
///
/// Options: `pool = EXPR` (a pool; `Pool::shared()` otherwise), `deadline = "2s"` or a `Duration`
/// expression, `lane = KEY` (jobs of equal keys run in order), `detached`, `nested` or `flat`,
/// `crate = path`. Outside `#[service]` a method's receiver is written `self: &Arc<Self>`.
#[proc_macro_attribute]
pub fn blocking(options: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::blocking(options.into(), item.into()).into()
}

/// One request in, one response out: a handler of a `#[service]` block, which reads this attribute.
///
/// `async fn f(&self, [peer: &Peer<Rsp>,] [conn: &mut Conn,] request: Req) -> Rsp | Result<Rsp, E>`
///
/// Options: `send_result` sends a `Result` itself, `half_close = cancel | answer`.
#[proc_macro_attribute]
pub fn request(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::Request, item.into()).into()
}

/// A whole connection in one method: a handler of a `#[service]` block, which reads this attribute.
///
/// `async fn f(&self, [conn: &mut Conn,] session: &mut Session<Req, Rsp>) -> Result<(), E>`
///
/// Option: `half_close = cancel | answer`.
#[proc_macro_attribute]
pub fn session(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::Session, item.into()).into()
}

/// One state of a typed session machine: a handler of a `#[service]` block, which reads this
/// attribute.
///
/// `async fn f(&self, [peer: &Peer<Rsp, Ev>,] [conn: &mut Conn,] data: T, .., request: Req) -> State | (Rsp, State) | Result<either, E>`
///
/// The block gets an enum `{Service}State` with a variant for each state:
/// `async fn room(&self, seat: Seat, request: Request)` makes `ChatState::Room(Seat)`, and
/// returning that is how a session comes there. `Closed` ends it, once what it has to say is
/// written. An idle session keeps the enum, and nothing else.
///
/// # Options
/// - `start`: sessions begin here. Without data, or `#[on(connect)]` gives the first state.
/// - `idle = "30s"`, or a constant `Duration`: how long from one whole request to the next; in its
///   place the server's `idle_timeout` does not count.
/// - `max_duration = "2m"`, likewise: how long from entering the state, from another one, to
///   leaving it.
/// - `half_close = cancel | answer`: what becomes of a busy handler when the peer closes its
///   writing side; `cancel` for handlers that take the peer, `answer` for the rest.
///
/// Times count between requests: a handler that runs is not cut short. When one is over,
/// [`#[on(timeout = state)]`](macro@on) leads on, or the session ends.
///
/// # Errors, panics and cancellation
/// The data is the handler's while it runs. If that fails, `#[on(error)]` may answer; the session
/// then goes on in the same state if the state has no data, and ends otherwise. After a panic it
/// ends. `#[on(disconnect)]` gets the last state of a session that was idle, and otherwise a reason
/// that names the state.
#[proc_macro_attribute]
pub fn state(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::State, item.into()).into()
}

/// What other tasks and threads post to a session, by `peer.post(event)`, moves it on as a request
/// does: a handler of a `#[service]` block with states, which reads this attribute.
///
/// `async fn f(&self, [peer: &Peer<Rsp, Ev>,] [conn: &mut Conn,] data: T, .., event: Ev) -> State | (Rsp, State) | Result<either, E>`
///
/// The brackets list the states that it is for, `#[event(room, lobby)]`, whose data it takes. A
/// service has one type of events, which is the second parameter of its `Peer`s. Events are handled
/// one at a time, in the order in which they were posted, in turn with requests; in a state without
/// a handler for them they are passed over, and those of an ended session are dropped.
#[proc_macro_attribute]
pub fn event(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::Event, item.into()).into()
}

/// Runs ahead of every `#[request]` and `#[state]` handler: lets a request pass, changed or not, or
/// answers it. Read by `#[service]`.
///
/// `async fn f(&self, [peer,] [conn: &mut Conn,] request: Req) -> ControlFlow<Rsp, Req> | Result<that, E>`
///
/// A request that is answered leaves the state as it is. If this fails or panics, it is as if the
/// handler had: a state without data goes on once `#[on(error)]` has answered a failure, and
/// otherwise the session ends. Not for events and time limits, and not in a `#[session]` service,
/// whose handler asks for its own requests.
#[proc_macro_attribute]
pub fn before(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::Before, item.into()).into()
}

/// Runs behind every handler that has a response, `#[before]` included, ahead of its being sent.
/// Read by `#[service]`.
///
/// `async fn f(&self, [peer,] [conn: &mut Conn,] response: &Rsp) [-> Result<(), E>]`
///
/// If this fails or panics, the response is not sent, and neither is the handler's next state
/// taken: it is as if the handler had failed.
///
/// Not for what is sent to a peer out of band, and not for the answers of `#[on(error)]`: a handler
/// that failed, panicked or was dropped has no response to see.
#[proc_macro_attribute]
pub fn after(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::After, item.into()).into()
}

/// A hook in the life of a service or of a connection, read by `#[service]`. All are optional.
///
/// | hook | runs |
/// |---|---|
/// | `start` | once, before the first connection; an error keeps the server from starting |
/// | `connect` | for each connection, before its first request; makes the connection's value, the first state, or both |
/// | `error` | when a handler failed or panicked, or the peer sent what is no request: answers, or ends the session |
/// | `timeout = state` | when a state's time is over; takes its data and leads on, as a state does |
/// | `disconnect` | exactly once for each connection whose `connect` succeeded; gets the connection's value back |
/// | `stop` | once, after the last session |
///
/// A request's way is `before`, handler, `after`, write; an error of any of them goes to `error`. A
/// panic in one ends the session, through `error` and `disconnect`. At a reset, a stop or a time
/// limit whatever is pending is dropped at its await, and `disconnect` follows.
///
/// | in | a failure, a panic | dropped |
/// |---|---|---|
/// | `start` | is what serving fails with | by a stop; what is on the cleanup is undone |
/// | `connect` | ends the connection; no other hook runs for it | by its peer, or a stop; likewise |
/// | `timeout`, `#[event]`, `#[before]`, `#[after]` | as in a handler: `error` may answer | as a handler |
/// | `error` | ends the session: `disconnect` | by a reset, or a stop: `disconnect` |
/// | `disconnect` | is logged | by no peer; at a stop, after the grace |
/// | `stop` | is logged | some time after the grace; the stop goes on |
///
/// No failure or panic in one session is felt by another.
#[proc_macro_attribute]
pub fn on(_options: TokenStream, item: TokenStream) -> TokenStream {
    expand::misplaced_attr(AttrKind::On, item.into()).into()
}
