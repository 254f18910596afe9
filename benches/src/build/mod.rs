//! Row 9, as far as it is about time: how long a clean build takes. Like with like: the same little
//! service, and its client, with us and with tarpc. And what each shows to those who come: our
//! quickstart, pictures and all, and tarpc's example service, telemetry and all.
//!
//! Each repetition is a `cargo build --offline` into an empty folder, of a package of its own that
//! is made here, with the versions of this workspace; crates that are not at hand are fetched
//! before. The time is that of the processors (user and system, all processes together), which
//! another load on the machine moves less than the clock; the clock's is shown too.
//!
//! And what the attributes themselves take: `cargo check` of a hundred copies of each form, as it
//! is written and as it is expanded (`ui-tests/strict`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs};

use crate::measure::{Contestant, Plan, interleave};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "build";
/// The folder of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Of each form.
const COPIES: usize = 100;
const GOAL: Goal = Goal::AtMost(0.7);

/// A program to build.
struct Program {
    name: &'static str,
    dependencies: String,
    main: String,
}

fn programs() -> [Program; 4] {
    let tokio = "tokio = { version = \"1\", features = [\"rt-multi-thread\", \"macros\"] }\n";
    let serde = "serde = { version = \"1\", features = [\"derive\"] }\n";
    let ours = format!(
        "portcullis = {{ path = {ROOT:?}, default-features = false, features = [\"server\", \"json\"] }}\n"
    );
    let quickstart = format!(
        "portcullis = {{ path = {ROOT:?} }}\nportcullis-examples = {{ path = {:?} }}\nserde_bytes = \"0.11\"\n\
         image = {{ version = \"=0.25.6\", default-features = false, features = [\"png\", \"jpeg\"] }}\n\
         tokio = {{ version = \"1\", features = [\"rt-multi-thread\", \"macros\", \"time\"] }}\n{serde}",
        format!("{ROOT}/examples"),
    );
    let tarpc = "tarpc = { version = \"0.38\", features = [\"tokio1\", \"serde-transport\", \"serde-transport-json\", \"tcp\"] }\nfutures = \"0.3\"\n";
    [
        Program {
            name: "hello, portcullis",
            dependencies: format!("{ours}{tokio}{serde}"),
            main: include_str!("hello.rs").to_owned(),
        },
        Program {
            name: "quickstart",
            dependencies: quickstart,
            main: fs::read_to_string(format!("{ROOT}/examples/quickstart/main.rs")).expect("the quickstart"),
        },
        Program {
            name: "hello, tarpc",
            dependencies: format!("{tarpc}{tokio}{serde}"),
            main: include_str!("hello_tarpc.rs").to_owned(),
        },
        Program {
            name: "example service, tarpc",
            dependencies: "tarpc-example-service = \"0.18\"\n".to_owned(),
            main: "fn main() {\n    service::init_tracing(\"hello\").expect(\"a subscriber\");\n}\n"
                .to_owned(),
        },
    ]
}

pub(crate) fn run(plan: &Plan, table: &mut Table) {
    let folder = env::temp_dir().join(format!("portcullis-bench-build-{}", std::process::id()));
    let contestants = programs().map(|program| {
        let name = program.name;
        let package = package(&folder.join(name.replace([' ', ','], "-")), &program);
        Contestant::new(name, move || build(&package))
    });
    let shown = interleave(&plan.few(), contestants.into());
    let expansion = interleave(
        &plan.few(),
        forms()
            .map(|program| {
                let package = package(&folder.join(program.name), &program);
                Contestant::new(program.name, move || check(&package))
            })
            .into(),
    );
    fs::remove_dir_all(&folder).expect("remove what was built");
    if let [written, expanded] = &expansion[..] {
        table.add(&Row::compare(
            BENCH,
            format!("check of {COPIES} x 3 services, written"),
            "s",
            (written, expanded),
            0,
        ));
    }
    let [hello, quickstart, hello_tarpc, example] = &shown[..] else { return };
    for (ours, theirs, goal) in [(hello, hello_tarpc, None), (quickstart, example, Some(GOAL))] {
        for (metric, what) in ["processor time", "by the clock"].into_iter().enumerate() {
            let case = format!("clean build, {}, {what}", ours.name);
            table.add(&Row::compare(BENCH, case, "s", (ours, theirs), metric).goal(goal));
        }
    }
}

/// The same services, written and expanded, many times over.
fn forms() -> [Program; 2] {
    ["written", "expanded"].map(|name| {
        let source = fs::read_to_string(format!("{ROOT}/ui-tests/strict/{name}.rs")).expect(name);
        let source = source.replace("//! ", "// ");
        let copies: String = (0..COPIES).map(|n| format!("#[allow(warnings)] mod copy_{n} {{\n{source}\n}}\n")).collect();
        Program {
            name,
            dependencies: format!("portcullis = {{ path = {ROOT:?}, default-features = false, features = [\"server\", \"json\"] }}\n"),
            main: format!("{copies}fn main() {{}}\n"),
        }
    })
}

/// Seconds of the processors for checking the package, its dependencies being there.
fn check(package: &Path) -> Vec<f64> {
    let check = || {
        let mut cargo = cargo(package, "check");
        assert!(cargo.status().is_ok_and(|status| status.success()), "{} does not build", package.display());
    };
    if !package.join("target").exists() {
        check();
    }
    let main = package.join("src/main.rs");
    let source = fs::read_to_string(&main).expect("main.rs");
    fs::write(&main, format!("{source}\n")).expect("main.rs");
    let before = of_children();
    check();
    vec![of_children() - before]
}

fn cargo(package: &Path, what: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([what, "--quiet"])
        .args((what != "fetch").then_some("--offline"))
        .current_dir(package)
        .env("CARGO_TARGET_DIR", package.join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("CARGO_PROFILE_DEV_DEBUG")
        .stdin(Stdio::null());
    cargo
}

/// Makes a package of the program; its folder.
fn package(folder: &Path, program: &Program) -> PathBuf {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect(name);
    fs::create_dir_all(folder.join("src")).expect("a folder for the package");
    let manifest = format!(
        "[package]\nname = \"hello\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{}",
        program.dependencies
    );
    write("Cargo.toml", &manifest);
    write("src/main.rs", &program.main);
    // So that nothing is newer there than here.
    write("Cargo.lock", &fs::read_to_string(format!("{ROOT}/Cargo.lock")).expect("Cargo.lock"));
    let fetched = cargo(folder, "fetch").status();
    assert!(fetched.is_ok_and(|status| status.success()), "what {} needs can't be fetched", program.name);
    folder.to_owned()
}

/// Seconds of the processors, and of the clock, for a clean build.
fn build(package: &Path) -> Vec<f64> {
    let target = package.join("target");
    let _ = fs::remove_dir_all(&target);
    let (began, before) = (Instant::now(), of_children());
    let built = cargo(package, "build").status();
    assert!(built.is_ok_and(|status| status.success()), "{} does not build", package.display());
    vec![of_children() - before, began.elapsed().as_secs_f64()]
}

/// Processor time of the processes that this one started and that have ended, in seconds.
fn of_children() -> f64 {
    // A hundredth of a second is the unit on every Linux of today.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux: /proc/self/stat");
    // The name before the bracket may have spaces in it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| {
        fields.get(field).and_then(|ticks| ticks.parse::<f64>().ok()).expect("cutime and cstime")
    };
    (ticks(13) + ticks(14)) / TICKS
}
