//! Draws the state machine of a service: as Mermaid, as DOT and as an SVG file.
//!
//! ```text
//! cargo run --example diagram              # into the folder for temporary files
//! cargo run --example diagram -- door.svg  # or where you like
//! ```
//!
//! `#[service]` generates the description as a constant, from the attributes, the signatures, and
//! the states that the bodies name. In a test, `assert_diagram!(Door, "docs/door.mmd")` checks that
//! a diagram in the repository is up to date.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use layout::backends::svg::SVGWriter;
use layout::gv::{DotParser, GraphBuilder};
use portcullis::describe::Chart;
use portcullis::prelude::*;
use portcullis_examples::{Error, time_limit};

// The service is only described, never served.
#[allow(dead_code)]
enum Request {
    Badge(String),
    Code(u32),
    Push,
}

struct Door {
    disk: Pool,
    wait: u8,
}

/// A door with a badge reader and a keypad.
#[service(state(derive(Debug)))]
impl Door {
    /// Waits for a badge.
    #[state(start)]
    async fn locked(&self, request: Request) -> (bool, DoorState) {
        match request {
            Request::Badge(name) => (true, DoorState::Badged(name, 3)),
            _ => (false, DoorState::Locked),
        }
    }

    /// A badge was read; waits for the code. There are some attempts left.
    #[state(max_duration = "20s")]
    async fn badged(
        &self,
        name: String,
        attempts: u8,
        request: Request,
    ) -> Result<(bool, DoorState), portcullis::Interrupted> {
        let Request::Code(code) = request else { return Ok((false, DoorState::Badged(name, attempts))) };
        match self.verify(name.clone(), code).await? {
            true => Ok((true, DoorState::Open(name))),
            false if attempts > 1 => Ok((false, DoorState::Badged(name, attempts - 1))),
            false => Ok((false, DoorState::Locked)),
        }
    }

    /// Open until it is pushed, or for five seconds.
    #[state(max_duration = "5s")]
    async fn open(&self, name: String, request: Request) -> (bool, DoorState) {
        match request {
            Request::Push => (true, DoorState::Locked),
            _ => (false, DoorState::Open(name)),
        }
    }

    #[on(timeout = badged)]
    async fn badge_expired(&self, _name: String, _attempts: u8) -> DoorState {
        DoorState::Locked
    }

    #[on(timeout = open)]
    async fn close(&self, _name: String) -> DoorState {
        DoorState::Locked
    }

    /// Reads the code from a slow disk.
    #[blocking(pool = self.disk, deadline = "1s", nested)]
    fn verify(&self, name: String, code: u32) -> bool {
        std::thread::sleep(Duration::from_millis(self.wait.into()));
        code as usize == name.len()
    }
}

fn main() -> Result<(), Error> {
    time_limit(Duration::from_secs(60));
    let description = Door::describe();
    println!("{description}\n");
    println!("{}", description.mermaid(Chart::States));
    println!("{}", description.mermaid(Chart::Threads));

    let dot = description.dot(Chart::States);
    println!("{dot}");
    let svg = draw(&dot)?;
    let file =
        env::args_os().nth(1).map_or_else(|| env::temp_dir().join("portcullis-door.svg"), PathBuf::from);
    fs::write(&file, svg)?;
    println!("SVG file: {}", file.display());
    Ok(())
}

/// DOT to SVG, without Graphviz.
fn draw(dot: &str) -> Result<String, Error> {
    let graph = DotParser::new(dot).process()?;
    let mut builder = GraphBuilder::new();
    builder.visit_graph(&graph);
    let mut svg = SVGWriter::new();
    builder.get().do_it(false, false, false, &mut svg);
    Ok(svg.finalize())
}
