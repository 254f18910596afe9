//! Descriptions of services as values, text and diagrams. The expected diagrams are files in
//! `docs`.

use std::marker::PhantomData;
use std::panic::catch_unwind;

use portcullis::describe::{Chart, Crossing, Kind, Method, Role, RunsOn, Target, Trigger};
use portcullis::prelude::*;
use portcullis::{Describe, Interrupted, assert_diagram};

#[allow(dead_code)]
#[path = "../../examples/smtp/service.rs"]
mod service;
#[allow(dead_code)]
#[path = "../../examples/smtp/wire.rs"]
mod wire;

use self::service::Smtp;

struct Thumbnails {
    cpu: Pool,
    disks: [Pool; 2],
}

/// Makes pictures "small" & quick.
///
/// Later paragraphs are not in the diagram.
#[service]
#[allow(dead_code)]
impl Thumbnails {
    /// One request in, one response out.
    #[request]
    async fn thumbnail(&self, size: u32) -> Result<u32, Interrupted> {
        let kept = self.keep(size).await?;
        Ok(self.shrink(kept).await? + self.count(1).await)
    }

    #[blocking(pool = self.cpu, deadline = "1m30s", start_deadline = "30s")]
    fn shrink(&self, worker: &Worker, size: u32) -> Result<u32, Interrupted> {
        let serial = self.count(1).wait(worker)?;
        let kept = self.keep(serial).wait(worker)?;
        Ok(self.blocking_halve(worker, size + kept))
    }

    #[blocking(pool = self.disks[size as usize % 2], lane = size)]
    fn keep(&self, size: u32) -> u32 {
        size
    }

    #[blocking]
    fn halve(&self, size: u32) -> u32 {
        size / 2
    }

    /// Runs on the event loop.
    async fn count(&self, n: u32) -> u32 {
        n
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<Interrupted>) -> ControlFlow<Reason, u32> {
        ControlFlow::Break(Reason::from_error(&error))
    }
}

struct Maths;

/// Typed calls.
#[service]
#[allow(dead_code)]
impl Maths {
    /// Doubles a number.
    #[rpc]
    async fn twice(&self, n: u64) -> u64 {
        n * 2
    }

    #[rpc(name = "maths/list", number = 7)]
    #[blocking]
    fn list(&self, numbers: &portcullis::Sender<u64>, r#type: Vec<Option<u64>>, from: u64) {
        let _ = (numbers, r#type, from);
    }

    #[blocking]
    fn halve(&self, n: u64) -> u64 {
        n / 2
    }
}

struct Chat<T>(PhantomData<fn() -> T>);

#[service]
impl<T: Send + 'static> Chat<T> {
    /// Echoes every line.
    #[session]
    async fn chat(&self, session: &mut Session<String, String>) -> Result<(), Reason> {
        while let Ok(line) = session.next().await {
            let _ = session.send(line).await;
        }
        Ok(())
    }
}

/// Handlers whose bodies name their next state, and one that does not.
struct Turnstile;

#[service(request = u8, response = u8, state(derive(Debug)))]
impl Turnstile {
    #[state(start, idle = "30s", max_duration = "2m")]
    async fn locked(&self, coin: u8) -> (u8, TurnstileState) {
        if coin == 0 {
            return (coin, TurnstileState::Locked);
        }
        (coin, TurnstileState::Open(coin, None))
    }

    #[state]
    async fn open(&self, left: u8, last: Option<String>, _push: u8) -> (u8, TurnstileState) {
        (left, next(left, last))
    }

    #[state]
    #[cfg(any())]
    async fn never(&self, _push: u8) -> TurnstileState {
        TurnstileState::Closed
    }

    #[event(open)]
    async fn evacuate(&self, _left: u8, _last: Option<String>, _alarm: ()) -> TurnstileState {
        TurnstileState::Closed
    }
}

fn next(left: u8, last: Option<String>) -> TurnstileState {
    if left > 1 { TurnstileState::Open(left - 1, last) } else { TurnstileState::Locked }
}

#[test]
fn a_request_service_with_pools_is_drawn() {
    assert_diagram!(Thumbnails, "../docs/thumbnails.mmd");
    assert_diagram!(Thumbnails, "../docs/thumbnails.threads.mmd");
    assert_diagram!(Thumbnails, "../docs/thumbnails.threads.dot");
    assert_diagram!(Thumbnails, "../docs/thumbnails.json");
}

/// The sources may have been moved, or the test may come from an archive: the files are looked up
/// relative to the directory of the test run.
#[test]
fn a_diagram_is_read_from_the_directory_of_the_test_run() {
    let moved = std::env::temp_dir().join(format!("portcullis-moved-{}", std::process::id()));
    let package = moved.join("tests");
    std::fs::create_dir_all(&package).unwrap();
    std::fs::create_dir_all(moved.join("docs")).unwrap();
    let run = || {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_linear_session_is_drawn"])
            .env("CARGO_MANIFEST_DIR", &package)
            .env_remove("PORTCULLIS_BLESS")
            .output()
            .unwrap();
        (child.status.success(), String::from_utf8(child.stdout).unwrap())
    };
    let (passes, said) = run();
    assert!(!passes && said.contains(moved.to_str().unwrap()), "{said}");
    for file in ["chat.mmd", "chat.dot", "chat.json"] {
        let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
        std::fs::copy(from, moved.join("docs").join(file)).unwrap();
    }
    let (passes, said) = run();
    std::fs::remove_dir_all(&moved).unwrap();
    assert!(passes, "{said}");
}

#[test]
fn a_linear_session_is_drawn() {
    assert_diagram!(Chat<Vec<u8>>, "../docs/chat.mmd");
    assert_diagram!(Chat<()>, "../docs/chat.dot");
    assert_diagram!(Chat<()>, "../docs/chat.json");
}

#[test]
fn a_state_machine_is_drawn() {
    assert_diagram!(Smtp, "../docs/smtp.mmd");
    assert_diagram!(Smtp, "../docs/smtp.threads.mmd");
    assert_diagram!(Smtp, "../docs/smtp.dot");
    assert_diagram!(Smtp, "../docs/smtp.json");
}

#[test]
fn targets_that_a_body_does_not_name_are_drawn_as_unknown() {
    assert_diagram!(Turnstile, "../docs/turnstile.mmd");
    assert_diagram!(Turnstile, "../docs/turnstile.dot");
    let edges = Turnstile::describe().transitions();
    let from =
        |name| edges.iter().filter(move |edge| edge.from == Some(name)).map(|edge| (edge.to, edge.trigger));
    assert!(from("open").any(|edge| edge == (Target::Unknown, Trigger::ByRequest)));
    assert!(from("open").any(|edge| edge == (Target::Closed, Trigger::ByEvent("evacuate"))));
    assert!(!from("open").any(|(_, trigger)| matches!(trigger, Trigger::TimedOut(_))), "it has no limit");
    assert!(from("locked").any(|edge| edge == (Target::Closed, Trigger::TimedOut(None))));
    assert!(from("locked").all(|(to, _)| to != Target::Unknown));
}

#[test]
fn a_description_is_a_constant() {
    const METHODS: usize = <Thumbnails as Describe>::DESCRIPTION.methods.len();
    assert_eq!(METHODS, 6);
    let thumbnails = Thumbnails::describe();
    assert_eq!((thumbnails.service, thumbnails.doc), ("Thumbnails", "Makes pictures \"small\" & quick."));
    assert_eq!(thumbnails.kind(), Kind::PerRequest);
    assert_eq!(thumbnails.pools(), ["self.cpu", "self.disks[size as usize % 2]", "Pool::shared()"]);
    let shrink = thumbnails.method("shrink").unwrap();
    assert_eq!((shrink.runs_on(), shrink.deadline), (RunsOn::PoolThread, Some("1m30s")));
    assert_eq!(shrink.start_deadline, Some("30s"));
    assert_eq!(thumbnails.method("count").map(Method::runs_on), Some(RunsOn::Caller));
    assert_eq!(thumbnails.hooks().map(|hook| hook.role).collect::<Vec<_>>(), [Role::OnError]);
    let crossing = |from, to| {
        let calls = thumbnails.calls();
        calls.iter().find(|call| (call.from, call.to) == (from, to)).map(|call| call.crossing)
    };
    assert_eq!(crossing("thumbnail", "shrink"), Some(Crossing::ToPool));
    assert_eq!(crossing("thumbnail", "count"), Some(Crossing::SameThread));
    assert_eq!(crossing("shrink", "count"), Some(Crossing::InPlace));
    assert_eq!(crossing("shrink", "keep"), Some(Crossing::ToPool));
    assert_eq!(crossing("shrink", "halve"), Some(Crossing::SameThread));
    assert_eq!(crossing("keep", "shrink"), None);
}

#[test]
fn calls_are_described_with_their_parameters_names_and_numbers() {
    let maths = Maths::describe();
    assert_eq!(maths.kind(), Kind::PerCall);
    let calls: Vec<_> =
        maths.rpc_methods().map(|call| (call.name, call.wire_name, call.wire_number)).collect();
    let twice = portcullis::rpc::method_number("twice");
    let expected = [("twice", Some("twice"), Some(twice)), ("list", Some("maths/list"), Some(7))];
    assert_eq!(calls, expected);
    let list = maths.method("list").unwrap();
    assert_eq!(list.params, ["r#type: Vec<Option<u64>>", "from: u64"], "without the sender");
    assert_eq!(maths.method("halve").unwrap().wire_number, None);
    assert!(maths.transitions().is_empty());
    let text = maths.to_string();
    for line in [
        &*format!("  twice  rpc (number {twice}, n: u64): Doubles a number."),
        "  list   blocking rpc (name maths/list, number 7, r#type: Vec<Option<u64>>, from: u64, on Pool::shared())",
        "  halve  blocking (on Pool::shared())",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&maths.json()).unwrap();
    assert_eq!(json["methods"][0]["wire_number"], twice);
    assert_eq!(json["methods"][1]["wire_name"], "maths/list");
}

#[test]
fn disabled_methods_are_not_described() {
    let states: Vec<_> = Turnstile::describe().states().map(|state| state.name).collect();
    assert_eq!(states, ["locked", "open"]);
}

#[test]
fn the_json_output_is_valid_json() {
    for json in [Thumbnails::describe().json(), Smtp::describe().json(), Chat::<u8>::describe().json()] {
        let _: serde_json::Value = serde_json::from_str(&json).unwrap();
    }
}

#[test]
fn an_outdated_diagram_fails_with_the_lines_that_differ() {
    if std::env::var_os("PORTCULLIS_BLESS").is_some() {
        return; // It would be written.
    }
    let panic = catch_unwind(|| assert_diagram!(Chat<u8>, "../docs/thumbnails.mmd")).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    for part in [
        "`Chat` is not what",
        "@@ line 2",
        "-    thumbnail : thumbnail",
        "+    chat : chat",
        "PORTCULLIS_BLESS=1",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn the_text_output_fits_a_terminal() {
    let text = Smtp::describe().to_string();
    for line in [
        "  receiving     state (of Mail, idle 3m, max_duration 10m): Collects the lines",
        "calls store (offload)",
        "  receiving -> ready",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!Smtp::describe().mermaid(Chart::States).is_empty());
}
