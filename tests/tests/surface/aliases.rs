//! Types are recognised by what they are, not by their spelling: aliases, imports, associated types
//! and macro fragments.
use portcullis::Interrupted;
use portcullis::prelude::*;
use std::io;
use std::result::Result as Outcome;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

type Fallible<T> = Result<T, String>;
type Answer = Fallible<String>;
type Flow = ControlFlow<String, String>;
type Nothing = Fallible<()>;
type Guest<R> = Peer<R>;

/// `#[request]`: the error of an alias goes to `on(error)`, not to the client.
#[derive(Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

#[service]
impl Asked {
    #[on(start)]
    async fn started(&self) -> Nothing2 {
        Ok(())
    }

    #[on(connect)]
    async fn connected(&self, _peer: &Guest<String>) -> Fallible<u32> {
        Ok(7)
    }

    #[before]
    async fn checked(&self, line: String) -> Flow {
        if line == "refused" { Flow::Break("no".into()) } else { Flow::Continue(line) }
    }

    #[request]
    async fn answer(&self, n: &mut u32, line: String) -> Answer {
        if line == "fail" { Err("failed".into()) } else { Ok(format!("{line} {n}")) }
    }

    #[after]
    async fn counted(&self, response: &String) -> Nothing {
        self.0.lock().unwrap().push(response.clone());
        Ok(())
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<String>) -> Flow2 {
        ControlFlow::Continue(error.to_string())
    }
}

type Nothing2 = Outcome<(), io::Error>;
type Flow2 = ControlFlow<Reason, String>;

/// Only a hook has an error, through an alias.
struct Guarded;

#[service]
impl Guarded {
    #[before]
    async fn checked(&self, line: String) -> Fallible<Flow> {
        match &*line {
            "fail" => Err("failed".into()),
            _ => Ok(Flow::Continue(line)),
        }
    }

    #[request]
    async fn answer(&self, line: String) -> String {
        line
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<String>) -> Flow2 {
        ControlFlow::Continue(error.to_string())
    }
}

/// With `send_result`, the aliased `Result` is the response.
struct Wired;

#[service]
impl Wired {
    #[request(send_result)]
    async fn answer(&self, line: String) -> Answer {
        if line == "fail" { Err("failed".into()) } else { Ok(line) }
    }
}

/// A linear session.
struct Line;

#[service]
impl Line {
    #[session]
    async fn talk(&self, session: &mut Session<String, String>) -> Outcome<(), SessionError> {
        loop {
            let line = session.next().await?;
            session.send(line).await?;
        }
    }
}

type Next = (String, TurnstileState);
use TurnstileState as Phase;

/// Every part of a state service.
struct Turnstile(Arc<Mutex<Option<bool>>>);

#[service]
impl Turnstile {
    #[on(connect)]
    async fn connected(&self) -> Fallible<Connected> {
        Ok((1, Phase::Shut))
    }

    #[state(start)]
    async fn open(&self, n: &mut u64, line: String) -> Fallible<Next> {
        if line == "fail" { Err("failed".into()) } else { Ok((format!("open {line} {n}"), Phase::Shut)) }
    }

    #[state(idle = "1h")]
    async fn shut(&self, line: String) -> Next {
        (format!("shut {line}"), TurnstileState::Open)
    }

    #[event(open, shut)]
    async fn rung(&self, _bell: u8) -> Phase {
        Phase::Open
    }

    #[on(timeout = shut)]
    async fn late(&self) -> Fallible<Phase> {
        Ok(Phase::Closed)
    }

    #[on(disconnect)]
    async fn disconnected(&self, last: Last) {
        *self.0.lock().unwrap() = Some(matches!(last, Some(TurnstileState::Open)));
    }
}

type Connected = (u64, TurnstileState);
type Last = Option<TurnstileState>;

/// The connection value through an alias, and the marked first state.
struct Shop;

type Visit = Vec<String>;
type Sold = Outcome<(String, ShopState), String>;

#[service]
impl Shop {
    #[on(connect)]
    async fn connected(&self) -> Visit {
        vec!["in".into()]
    }

    #[state(start)]
    async fn browse(&self, visit: &mut Visit, line: String) -> Sold {
        visit.push(line);
        Ok((visit.join(" "), ShopState::Browse))
    }
}

/// An associated type, and a state on its own.
struct Gate;

trait Opens {
    type Out;
}

impl Opens for Gate {
    type Out = Outcome<GateState, String>;
}

#[service]
impl Gate {
    #[on(connect)]
    async fn connected(&self) -> <Gate as Opens>::Out {
        Ok(GateState::Up(3))
    }

    #[state(start)]
    async fn up(&self, n: u8, line: String) -> (String, GateState) {
        (format!("{line} {n}"), GateState::Up(n + 1))
    }
}

macro_rules! by_fragments {
    ($opened:ty, $next:ty, $last:ty, $peer:ty) => {
        struct Made;

        #[service]
        impl Made {
            #[on(connect)]
            async fn connected(&self, _peer: $peer) -> $opened {
                (1, MadeState::Banned)
            }

            #[state(start)]
            async fn open(&self, line: String) -> $next {
                (format!("open {line}"), MadeState::Banned)
            }

            #[state]
            async fn banned(&self, line: String) -> Result<$next, String> {
                Ok((format!("banned {line}"), MadeState::Open))
            }

            #[on(disconnect)]
            async fn disconnected(&self, conn: u64, last: $last, _reason: Reason) {
                let _ = (conn, last);
            }
        }
    };
}
by_fragments!((u64, MadeState), (String, MadeState), Option<MadeState>, &Peer<String>);

/// In a generic block, where the type decides what a state returns.
struct Many<T>(T);

type Turn<T> = Fallible<(String, ManyState<T>)>;

#[service]
impl<T: Clone + Send + Sync + 'static> Many<T> {
    #[on(connect)]
    async fn connected(&self) -> Visit {
        vec![]
    }

    #[state(start)]
    async fn first(&self, line: String) -> Turn<T> {
        Ok((line, ManyState::Second(self.0.clone())))
    }

    #[state]
    async fn second(&self, held: T, line: String) -> Turn<T> {
        Ok((line, ManyState::Second(held)))
    }
}

/// Types that are written out in part.
#[allow(unused_parens)]
mod parens {
    use super::*;

    pub(crate) struct Parens;

    #[service]
    impl Parens {
        #[on(connect)]
        async fn connected(&self) -> ((u8, (ParensState))) {
            (1, ParensState::Open)
        }

        #[state(start)]
        async fn open(&self, peer: (&Peer<String>), n: (&mut u8), line: (String)) -> ((String, ParensState)) {
            (format!("{line} {n} {}", peer.id() == peer.id()), ParensState::Open)
        }
    }
}
use parens::Parens;

/// `on(disconnect)` takes any of three arguments, in order.
#[derive(Clone, Default)]
struct Ends(Arc<AtomicUsize>);

macro_rules! ends {
    ($($name:ident ($states:ident) => ($($end:ident: $ty:ty),*) $body:expr;)*) => { $(
        struct $name(Ends);

        #[service(state(name = $states))]
        impl $name {
            #[on(connect)]
            async fn connected(&self) -> usize {
                40
            }

            #[state(start)]
            async fn open(&self, line: String) -> (String, $states) {
                (line, $states::Open)
            }

            #[on(disconnect)]
            async fn disconnected(&self, $($end: $ty),*) {
                self.0.0.store($body, SeqCst);
            }
        }
    )* };
}
type Why = Reason;
ends! {
    Nobody(NobodyState) => () 1;
    Value(ValueState) => (conn: usize) conn;
    Aliased(AliasedState) => (conn: usize, why: Why) conn + usize::from(matches!(why, Reason::PeerClosed));
    State(StateState) => (last: Option<StateState>) usize::from(last.is_some());
    Both(BothState) => (conn: usize, last: Option<BothState>) conn + usize::from(last.is_some());
    All(AllState) => (conn: usize, last: Option<AllState>, _why: Why) conn + usize::from(last.is_some());
    Why1(Why1State) => (why: Why) usize::from(matches!(why, Reason::PeerClosed));
    StateWhy(StateWhyState) => (last: Option<StateWhyState>, _why: Why) usize::from(last.is_some());
}

#[tokio::test]
async fn a_result_is_recognised_by_type() {
    let service = Asked::default();
    let seen = Arc::clone(&service.0);
    let mut client = portcullis::test::connect(service).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "a 7");
    assert_eq!(client.call("refused".into()).await.unwrap(), "no");
    assert!(client.call("fail".into()).await.unwrap().contains("failed"));
    assert_eq!(client.call("b".into()).await.unwrap(), "b 7");
    assert_eq!(*seen.lock().unwrap(), ["a 7", "no", "b 7"]);

    let mut client = portcullis::test::connect(Guarded).await.unwrap();
    assert!(client.call("fail".into()).await.unwrap().contains("failed"));
    assert_eq!(client.call("b".into()).await.unwrap(), "b");

    let mut client = portcullis::test::connect(Wired).await.unwrap();
    assert_eq!(client.call("fail".into()).await.unwrap(), Err("failed".to_owned()));

    let mut client = portcullis::test::connect(Line).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "a");
}

#[tokio::test]
async fn a_state_is_recognised_by_type() {
    let seen = Arc::default();
    let mut client = portcullis::test::connect(Turnstile(Arc::clone(&seen))).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "shut a");
    assert_eq!(client.call("b".into()).await.unwrap(), "open b 1");
    assert_eq!(client.call("c".into()).await.unwrap(), "shut c");
    client.close().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), Some(true));

    let mut client = portcullis::test::connect(Shop).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "in a");
    let mut client = portcullis::test::connect(Gate).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "a 3");
    assert_eq!(client.call("a".into()).await.unwrap(), "a 4");
    let mut client = portcullis::test::connect(Made).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "banned a");
    let mut client = portcullis::test::connect(Many(1u8)).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "a");
    assert_eq!(client.call("b".into()).await.unwrap(), "b");
    let mut client = portcullis::test::connect(Parens).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "a 1 true");
}

#[tokio::test]
async fn on_disconnect_takes_its_arguments_by_type() {
    macro_rules! expect_end {
        ($($name:ident $n:expr;)*) => { $(
            let seen = Ends::default();
            let mut client = portcullis::test::connect($name(seen.clone())).await.unwrap();
            client.call("a".into()).await.unwrap();
            client.close().await.unwrap();
            assert_eq!(seen.0.load(SeqCst), $n, stringify!($name));
        )* };
    }
    expect_end! { Nobody 1; Value 40; Aliased 41; State 1; Both 41; All 41; Why1 1; StateWhy 1; }
}

#[portcullis::blocking(flat)]
fn flat(n: u64) -> Outcome<u64, Interrupted> {
    Ok(n)
}

#[tokio::test]
async fn flat_jobs_return_their_own_result() {
    let given: Result<u64, Interrupted> = flat(3).await;
    assert_eq!(given.ok(), Some(3));
}
