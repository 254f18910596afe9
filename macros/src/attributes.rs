//! The table of the attributes and their options. Parsing, messages and suggestions for misspelt
//! options all read it.

use syn::Path;

/// One of our attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttrKind {
    Service,
    Blocking,
    Request,
    Session,
    On,
    State,
    Event,
    Before,
    After,
    Rpc,
    /// `#[service(state(..))]`: not an attribute, but it has options of its own.
    StateEnum,
    /// `#[service(rpc(..))]`: the same.
    RpcTypes,
    /// `#[rpc]` on a trait.
    RpcTrait,
}

/// An option of an attribute, with an example of it for messages.
#[derive(Debug)]
pub(crate) struct OptionName {
    pub(crate) name: &'static str,
    pub(crate) example: &'static str,
}

const fn option(name: &'static str, example: &'static str) -> OptionName {
    OptionName { name, example }
}

const SERVICE: &[OptionName] = &[
    option("request", "request = Request"),
    option("response", "response = Response"),
    option("crate", "crate = path::to::portcullis"),
    option("state", "state(vis = pub(crate))"),
    option("rpc", "rpc(vis = pub(crate))"),
    option("max_in_flight", "max_in_flight = 16"),
];
const BLOCKING: &[OptionName] = &[
    option("pool", "pool = self.pool"),
    option("deadline", "deadline = \"2s\""),
    option("start_deadline", "start_deadline = \"500ms\""),
    option("lane", "lane = key"),
    option("detached", "detached"),
    option("nested", "nested"),
    option("flat", "flat"),
    option("crate", "crate = path::to::portcullis"),
];
const REQUEST: &[OptionName] = &[
    option("send_result", "send_result"),
    option("batch", "batch = 64"),
    option("half_close", "half_close = cancel"),
];
const SESSION: &[OptionName] = &[option("half_close", "half_close = answer")];
const ON: &[OptionName] = &[
    option("start", "start"),
    option("connect", "connect"),
    option("error", "error"),
    option("disconnect", "disconnect"),
    option("stop", "stop"),
    option("timeout", "timeout = state"),
];
const STATE: &[OptionName] = &[
    option("start", "start"),
    option("events_only", "events_only"),
    option("idle", "idle = \"30s\""),
    option("events_restart_idle", "events_restart_idle"),
    option("max_duration", "max_duration = \"2m\""),
    option("half_close", "half_close = cancel"),
];
const STATE_ENUM: &[OptionName] = &[
    option("vis", "vis = pub(crate)"),
    option("name", "name = Phase"),
    option("derive", "derive(Debug, PartialEq)"),
];
const RPC: &[OptionName] = &[option("name", "name = \"textDocument/hover\""), option("number", "number = 7")];
const RPC_TYPES: &[OptionName] = &[
    option("vis", "vis = pub(crate)"),
    option("name", "name = Images"),
    option("derive", "derive(Clone, Debug)"),
    option("half_close", "half_close = answer"),
];
const RPC_TRAIT: &[OptionName] =
    &[option("derive", "derive(Clone, Debug)"), option("crate", "crate = path::to::portcullis")];

/// Names of options in other frameworks, which are suggested as misspellings.
const SYNONYMS: &[(AttrKind, &str, &[&str])] = &[
    (AttrKind::Blocking, "pool", &["on", "executor", "runtime", "threads"]),
    (AttrKind::Blocking, "deadline", &["timeout", "within", "limit", "time_limit"]),
    (AttrKind::Blocking, "start_deadline", &["start_by", "start_within", "start_timeout", "queue_timeout"]),
    (AttrKind::Blocking, "lane", &["key", "ordered", "serial"]),
    (AttrKind::On, "start", &["init", "startup", "open"]),
    (AttrKind::On, "connect", &["accept", "connection"]),
    (AttrKind::On, "error", &["failure", "panic"]),
    (AttrKind::On, "disconnect", &["close", "closed", "end", "drop"]),
    (AttrKind::On, "stop", &["shutdown", "exit"]),
    (AttrKind::On, "timeout", &["idle", "within", "max_duration", "deadline"]),
    (AttrKind::State, "start", &["initial", "init", "first", "default"]),
    (AttrKind::State, "max_duration", &["within", "timeout", "deadline", "limit"]),
    (AttrKind::StateEnum, "vis", &["visibility", "pub"]),
    (AttrKind::Rpc, "name", &["method", "rename", "path"]),
    (AttrKind::Rpc, "number", &["id", "code", "index"]),
    (AttrKind::RpcTypes, "vis", &["visibility", "pub"]),
    (AttrKind::Service, "max_in_flight", &["concurrency", "limit", "max_calls", "in_flight"]),
];

impl AttrKind {
    const ALL: [AttrKind; 10] = [
        AttrKind::Service,
        AttrKind::Blocking,
        AttrKind::Request,
        AttrKind::Session,
        AttrKind::On,
        AttrKind::State,
        AttrKind::Event,
        AttrKind::Before,
        AttrKind::After,
        AttrKind::Rpc,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            AttrKind::Service => "service",
            AttrKind::Blocking => "blocking",
            AttrKind::Request => "request",
            AttrKind::Session => "session",
            AttrKind::On => "on",
            AttrKind::State => "state",
            AttrKind::Event => "event",
            AttrKind::Before => "before",
            AttrKind::After => "after",
            AttrKind::Rpc => "rpc",
            AttrKind::StateEnum => "service(state(..))",
            AttrKind::RpcTypes => "service(rpc(..))",
            AttrKind::RpcTrait => "rpc",
        }
    }

    fn options(self) -> &'static [OptionName] {
        match self {
            AttrKind::Service => SERVICE,
            AttrKind::Blocking => BLOCKING,
            AttrKind::Request => REQUEST,
            AttrKind::Session => SESSION,
            AttrKind::On => ON,
            AttrKind::State => STATE,
            AttrKind::StateEnum => STATE_ENUM,
            AttrKind::Rpc => RPC,
            AttrKind::RpcTypes => RPC_TYPES,
            AttrKind::RpcTrait => RPC_TRAIT,
            AttrKind::Event | AttrKind::Before | AttrKind::After => &[],
        }
    }

    /// The attribute that `#[path]` names, by its last segment, because crates and modules may be
    /// renamed. If the path is ambiguous, the expansion [asks the
    /// compiler](AttrKind::is_unambiguous).
    pub(crate) fn of(path: &Path) -> Option<AttrKind> {
        let last = path.segments.last()?;
        AttrKind::ALL.into_iter().find(|kind| last.ident == kind.name())
    }

    /// Whether the path can't name another attribute: a name alone, or one in `portcullis`.
    pub(crate) fn is_unambiguous(path: &Path) -> bool {
        path.segments.len() == 1 || path.segments.first().is_some_and(|first| first.ident == "portcullis")
    }

    /// Whether the path is the attribute of a handler with one typing error.
    pub(crate) fn is_nearly_a_handler(path: &Path) -> bool {
        let Some(name) = path.get_ident().map(ToString::to_string) else { return false };
        ["request", "session", "state"].iter().any(|word| slipped(&name, word))
    }

    pub(crate) fn option(self, name: &str) -> Option<&'static OptionName> {
        self.options().iter().find(|option| option.name == name)
    }

    /// Lists the options: "one of `pool`, `deadline` or `detached`".
    pub(crate) fn list(self) -> String {
        match self.options() {
            [] => String::new(),
            [only] => format!("`{}`", only.name),
            [firsts @ .., last] => {
                let firsts: Vec<_> = firsts.iter().map(|option| format!("`{}`", option.name)).collect();
                format!("one of {} or `{}`", firsts.join(", "), last.name)
            }
        }
    }
}

/// What the name of an option turns out to be.
#[derive(Debug)]
pub(crate) enum Lookup {
    Known(&'static OptionName),
    /// An option of another attribute.
    Misplaced(AttrKind),
    /// Not an option, but similar to this one.
    Misspelt(&'static str),
    Unknown,
}

pub(crate) fn look_up(kind: AttrKind, key: &str) -> Lookup {
    if let Some(option) = kind.option(key) {
        return Lookup::Known(option);
    }
    let elsewhere = |(of, _, names): &&(AttrKind, &str, &[&str])| *of == kind && names.contains(&key);
    if let Some((_, name, _)) = SYNONYMS.iter().find(elsewhere) {
        return Lookup::Misspelt(name);
    }
    if let Some(near) = nearest(key, kind.options().iter().map(|option| option.name)) {
        return Lookup::Misspelt(near);
    }
    match AttrKind::ALL.into_iter().find(|other| other.option(key).is_some()) {
        Some(other) => Lookup::Misplaced(other),
        None => Lookup::Unknown,
    }
}

/// The most similar of the user's own names.
pub(crate) fn nearest_of<'a>(word: &str, names: &'a [String]) -> Option<&'a str> {
    nearest(word, names.iter().map(String::as_str))
}

/// The most similar of `names`, if it has at most one error in three letters.
fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (distance(word, name), name))
        .filter(|(slips, name)| *slips <= name.len().div_ceil(3).min(3) && *slips < name.len())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

/// Whether one letter is missing, added or replaced, or two letters are swapped.
fn slipped(name: &str, word: &str) -> bool {
    let letters = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    match distance(name, word) {
        1 => true,
        2 => name.len() == word.len() && letters(name) == letters(word),
        _ => false,
    }
}

/// The Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_slips() {
        assert_eq!(distance("deadline", "deadline"), 0);
        assert_eq!(distance("dedline", "deadline"), 1);
        assert_eq!(distance("", "on"), 2);
    }

    #[test]
    fn keys_are_told_apart() {
        assert!(matches!(look_up(AttrKind::Blocking, "deadline"), Lookup::Known(_)));
        assert!(matches!(look_up(AttrKind::Blocking, "dedline"), Lookup::Misspelt("deadline")));
        assert!(matches!(look_up(AttrKind::Blocking, "lane"), Lookup::Known(_)));
        assert!(matches!(look_up(AttrKind::Request, "deadline"), Lookup::Misplaced(AttrKind::Blocking)));
        assert!(matches!(look_up(AttrKind::Request, "colour"), Lookup::Unknown));
        assert!(matches!(look_up(AttrKind::Blocking, "timeout"), Lookup::Misspelt("deadline")));
        assert!(matches!(look_up(AttrKind::On, "disconect"), Lookup::Misspelt("disconnect")));
    }

    #[test]
    fn names_from_elsewhere_lead_to_ours() {
        for (kind, name, others) in SYNONYMS {
            assert!(kind.option(name).is_some(), "{name}");
            assert!(others.iter().all(|other| kind.option(other).is_none()), "{name}");
        }
    }

    #[test]
    fn words_are_known_alone_and_in_full() {
        let word = |text: &str| syn::parse_str::<Path>(text).ok().and_then(|path| AttrKind::of(&path));
        assert_eq!(word("request"), Some(AttrKind::Request));
        assert_eq!(word("portcullis::on"), Some(AttrKind::On));
        assert_eq!(word("p::request"), Some(AttrKind::Request));
        assert_eq!(word("inline"), None);
        let plain =
            |text: &str| syn::parse_str::<Path>(text).is_ok_and(|path| AttrKind::is_unambiguous(&path));
        assert!(plain("request") && plain("::portcullis::prelude::request") && !plain("p::request"));
    }

    #[test]
    fn one_slip_is_no_other_word() {
        let nearly =
            |text: &str| syn::parse_str::<Path>(text).is_ok_and(|path| AttrKind::is_nearly_a_handler(&path));
        for name in ["reqest", "requests", "reuqest", "sesion", "sate", "Request"] {
            assert!(nearly(name), "{name}");
        }
        for name in ["request", "requires", "test", "instrument", "stat::request", "static", "require"] {
            assert!(!nearly(name), "{name}");
        }
    }
}
