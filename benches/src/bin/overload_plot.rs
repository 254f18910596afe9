//! Draws the plot of the README: goodput over offered load.
//!
//! ```sh
//! cargo run --release -p portcullis-bench -- overload --json > overload.json
//! cargo run -p portcullis-bench --bin overload_plot < overload.json > docs/src/images/overload.svg
//! ```
//!
//! It reads the rows of the jobs that sleep, from the lines that the benchmark prints.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{Read, stdin};

/// The load and the setting that are drawn.
const CASE: &str = "jobs that sleep, ";
const SETTING: &str = " × capacity, default queue, goodput";

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 260.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 50.0;

/// Colours that people with colour blindness can tell apart (Okabe and Ito); ours is the first.
const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#e69f00", "#009e73", "#cc79a7"];
const DASHES: [&str; 5] = ["none", "8 4", "2 3", "10 3 2 3", "5 5"];

/// Points of a line: offered load and goodput, both in capacities.
type Line = Vec<(f64, f64)>;

fn main() {
    let mut input = String::new();
    if let Err(error) = stdin().read_to_string(&mut input) {
        eprintln!("standard input: {error}");
        std::process::exit(1);
    }
    let lines = lines(&input);
    if lines.is_empty() {
        eprintln!("no row of `overload` for the jobs that sleep: run the benchmark with --json");
        std::process::exit(1);
    }
    println!("{}", draw(&lines));
}

/// The lines by name, ours first.
fn lines(input: &str) -> Vec<(String, Line)> {
    let mut ours = Line::new();
    let mut peers: BTreeMap<String, Line> = BTreeMap::new();
    for row in input.lines().filter(|row| row.contains(r#""bench":"overload""#)) {
        let Some(case) = text(row, "case").and_then(|case| case.strip_prefix(CASE)) else { continue };
        let Some(rate) = case.strip_suffix(SETTING).and_then(|rate| rate.parse::<f64>().ok()) else {
            continue;
        };
        let (Some(peer), Some(mine), Some(theirs)) =
            (text(row, "peer_name"), number(row, "ours"), number(row, "peer"))
        else {
            continue;
        };
        if peer == "capacity" {
            ours.push((rate, mine));
        } else {
            peers.entry(peer.to_owned()).or_default().push((rate, theirs));
        }
    }
    if ours.is_empty() {
        return Vec::new();
    }
    std::iter::once(("portcullis".to_owned(), ours)).chain(peers).collect()
}

/// The value of a field that is a string. The benchmark escapes nothing.
fn text<'a>(row: &'a str, field: &str) -> Option<&'a str> {
    row.split(&format!(r#""{field}":""#)).nth(1)?.split('"').next()
}

fn number(row: &str, field: &str) -> Option<f64> {
    row.split(&format!(r#""{field}":"#)).nth(1)?.split([',', '}']).next()?.parse().ok()
}

fn draw(lines: &[(String, Line)]) -> String {
    let rates: Vec<f64> = lines[0].1.iter().map(|(rate, _)| *rate).collect();
    let widest = rates.iter().copied().fold(1.0, f64::max);
    let x = |rate: f64| LEFT + rate / widest * (WIDTH - LEFT - RIGHT);
    let y = |goodput: f64| HEIGHT - BOTTOM - goodput.min(1.2) / 1.2 * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" role="img">
<title>Goodput over offered load</title>
<rect width="100%" height="100%" fill="#fff"/>
"##
    );
    let mut line = |element: String| {
        svg.push_str(&element);
        svg.push('\n');
    };
    for percent in [0, 25, 50, 75, 100] {
        let at = y(f64::from(percent) / 100.0);
        let end = WIDTH - RIGHT;
        line(format!(r##"<path d="M{LEFT} {at:.1}H{end}" stroke="#ddd"/>"##));
        line(format!(
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{percent} %</text>"#,
            LEFT - 8.0,
            at + 4.0
        ));
    }
    for rate in &rates {
        line(format!(
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{rate}</text>"#,
            x(*rate),
            HEIGHT - BOTTOM + 18.0
        ));
    }
    line(format!(
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">jobs that arrive, in capacities of the pool</text>"#,
        x(widest / 2.0),
        HEIGHT - 10.0
    ));
    line(format!(r#"<text x="{:.1}" y="18">jobs answered within their deadline</text>"#, LEFT - 50.0));
    for (n, (name, points)) in lines.iter().enumerate() {
        let (colour, dash) = (COLOURS[n % COLOURS.len()], DASHES[n % DASHES.len()]);
        let mut path = String::new();
        for (at, (rate, goodput)) in points.iter().enumerate() {
            let command = if at == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", x(*rate), y(*goodput));
        }
        let width = if n == 0 { 3 } else { 2 };
        line(format!(
            r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dash}"/>"#
        ));
        let (from, at) = (WIDTH - RIGHT + 20.0, TOP + 20.0 + 24.0 * n as f64);
        line(format!(
            r#"<path d="M{from} {at}h28" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dash}"/>"#
        ));
        line(format!(r#"<text x="{:.1}" y="{:.1}">{name}</text>"#, from + 36.0, at + 4.0));
    }
    svg.push_str("</svg>");
    svg
}
