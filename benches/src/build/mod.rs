//! `build`: how long clean builds take. Compares the same small service and client with portcullis
//! and with tarpc, and the quickstart (with its image formats) with tarpc's example service (with
//! its telemetry).
//!
//! Each repetition is a `cargo build --offline` into an empty folder, of a package generated here
//! with the versions of this workspace; missing crates are fetched before. The figure is processor
//! time (user and system, all processes together), which other load affects less than wall-clock
//! time; that is shown too.
//!
//! Also the cost of the attributes: `cargo check` of a hundred copies of the same services, as
//! written and as expanded (`ui-tests/strict`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs};

use crate::measure::{Contestant, Plan, interleave};
use crate::table::{Goal, Row, Table};

const BENCH: &str = "build";
/// The root of the workspace.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// How many copies of each form are checked.
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

/// Many copies of the same services, as written and as expanded.
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

/// Processor seconds of checking the package; its dependencies are already checked.
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

/// Creates a package of the program, and returns its folder.
fn package(folder: &Path, program: &Program) -> PathBuf {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect(name);
    fs::create_dir_all(folder.join("src")).expect("a folder for the package");
    let manifest = format!(
        "[package]\nname = \"hello\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{}",
        program.dependencies
    );
    write("Cargo.toml", &manifest);
    write("src/main.rs", &program.main);
    // The same versions of all dependencies as here.
    write("Cargo.lock", &fs::read_to_string(format!("{ROOT}/Cargo.lock")).expect("Cargo.lock"));
    let fetched = cargo(folder, "fetch").status();
    assert!(fetched.is_ok_and(|status| status.success()), "what {} needs can't be fetched", program.name);
    folder.to_owned()
}

/// Processor seconds and wall-clock seconds of a clean build.
fn build(package: &Path) -> Vec<f64> {
    let target = package.join("target");
    let _ = fs::remove_dir_all(&target);
    let (began, before) = (Instant::now(), of_children());
    let built = cargo(package, "build").status();
    assert!(built.is_ok_and(|status| status.success()), "{} does not build", package.display());
    vec![of_children() - before, began.elapsed().as_secs_f64()]
}

/// Processor seconds of this process' children that have exited.
fn of_children() -> f64 {
    // The unit is 10 ms on every Linux.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux: /proc/self/stat");
    // The process name in brackets may contain spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| {
        fields.get(field).and_then(|ticks| ticks.parse::<f64>().ok()).expect("cutime and cstime")
    };
    (ticks(13) + ticks(14)) / TICKS
}
