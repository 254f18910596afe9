//! The table that all benchmarks print into.

use std::fmt;

use crate::measure::{Shown, Spread};

/// The goal of a ratio (ours / peer).
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(limit) => ratio <= limit,
            Self::AtLeast(limit) => ratio >= limit,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
        }
    }
}

/// One figure of ours and the same figure of a peer.
pub(crate) struct Row {
    pub(crate) bench: &'static str,
    pub(crate) case: String,
    pub(crate) unit: &'static str,
    pub(crate) ours: Spread,
    pub(crate) peer: Spread,
    pub(crate) peer_name: &'static str,
    /// The ratio of each repetition, so that whatever slows down both sides cancels out.
    pub(crate) ratio: Spread,
    pub(crate) goal: Option<Goal>,
}

impl Row {
    /// Compares metric number `metric` of ours and of a peer.
    pub(crate) fn compare(
        bench: &'static str,
        case: impl Into<String>,
        unit: &'static str,
        (ours, peer): (&Shown, &Shown),
        metric: usize,
    ) -> Self {
        let (mine, theirs) = (&ours.metrics[metric], &peer.metrics[metric]);
        let ratios: Vec<f64> =
            mine.iter().zip(theirs).map(|(mine, theirs)| quotient(*mine, *theirs)).collect();
        Self {
            bench,
            case: case.into(),
            unit,
            ours: Spread::of(mine),
            peer: Spread::of(theirs),
            peer_name: peer.name,
            ratio: Spread::of(&ratios),
            goal: None,
        }
    }

    /// Sets the goal.
    pub(crate) fn goal(mut self, goal: Option<Goal>) -> Self {
        self.goal = goal;
        self
    }

    fn json(&self) -> String {
        let Self { bench, case, unit, peer_name, .. } = self;
        let (ours, peer, ratio) = (self.ours.median, self.peer.median, self.ratio.median);
        format!(
            r#"{{"bench":"{bench}","case":"{case}","ours":{},"peer":{},"peer_name":"{peer_name}","ratio":{},"unit":"{unit}"}}"#,
            number(ours),
            number(peer),
            number(ratio)
        )
    }

    fn cells(&self) -> [String; 7] {
        let goal = self.goal.map_or(String::new(), |goal| {
            format!("{goal} {}", if goal.is_met(self.ratio.median) { "met" } else { "MISSED" })
        });
        [
            format!("{}: {}", self.bench, self.case),
            with_ends(self.ours),
            with_ends(self.peer),
            self.unit.to_owned(),
            self.peer_name.to_owned(),
            with_ends(self.ratio),
            goal,
        ]
    }
}

/// Equal values have a ratio of 1, even if both are zero.
fn quotient(mine: f64, theirs: f64) -> f64 {
    if mine == theirs { 1.0 } else { mine / theirs }
}

/// JSON has neither NaN nor infinity.
fn number(value: f64) -> String {
    if value.is_finite() { format!("{value:.4}") } else { "null".to_owned() }
}

fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn with_ends(spread: Spread) -> String {
    let (median, least, most) = (short(spread.median), short(spread.least), short(spread.most));
    if least == most { median } else { format!("{median} ({least}..{most})") }
}

/// Prints rows, as JSON at once or as an aligned table at the end.
pub(crate) struct Table {
    json: bool,
    rows: Vec<[String; 7]>,
}

impl Table {
    pub(crate) fn new(json: bool) -> Self {
        let head = ["case", "ours", "peer", "unit", "peer is", "ours / peer", "goal"];
        Self { json, rows: vec![head.map(str::to_owned)] }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn add(&mut self, row: &Row) {
        if self.json {
            println!("{}", row.json());
        } else {
            self.rows.push(row.cells());
        }
    }

    pub(crate) fn finish(self) {
        // There are no rows if the benchmark has printed its own table.
        if self.json || self.rows.len() == 1 {
            return;
        }
        let mut widths = [0; 7];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            println!("{}", cells.join("  ").trim_end());
        }
    }
}
