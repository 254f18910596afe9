//! Prints the whole description as JSON, for tools.

use crate::{Description, Method, Target};

/// A JSON value.
enum Value {
    Text(String),
    Number(u32),
    Flag(bool),
    Null,
    List(Vec<Value>),
    Object(Vec<(&'static str, Value)>),
}

impl Description<'_> {
    /// The whole description as JSON, with transitions, calls and pools: an object of `service`,
    /// `doc`, `pools`, `methods`, `transitions` and `calls`. Empty values are left out, except that
    /// the `from` of a transition is `null` for the start of the connection, and `to` is `null` for
    /// states that the body does not name.
    #[must_use]
    pub fn json(&self) -> String {
        let transitions = self.transitions().into_iter().map(|edge| {
            let to = match edge.to {
                Target::Named(name) => text(name),
                Target::Closed => text("closed"),
                Target::Unknown => Value::Null,
            };
            let mut fields = vec![
                ("from", edge.from.map_or(Value::Null, text)),
                ("to", to),
                ("trigger", text(edge.trigger.name())),
            ];
            fields.extend(edge.trigger.by().map(|name| ("by", text(name))));
            Value::Object(fields)
        });
        let calls = self.calls().into_iter().map(|call| {
            let crossing = text(call.crossing.name());
            Value::Object(vec![("from", text(call.from)), ("to", text(call.to)), ("crossing", crossing)])
        });
        let whole = Value::Object(vec![
            ("service", text(self.service)),
            ("doc", text(self.doc)),
            ("pools", texts(&self.pools())),
            ("methods", Value::List(self.methods.iter().map(method).collect())),
            ("transitions", Value::List(transitions.collect())),
            ("calls", Value::List(calls.collect())),
        ]);
        let mut out = String::new();
        whole.write(0, &mut out);
        out.push('\n');
        out
    }
}

fn method(method: &Method<'_>) -> Value {
    let mut fields = vec![
        ("name", text(method.name)),
        ("role", text(method.role.name())),
        ("runs_on", text(method.runs_on().name())),
    ];
    let texts_of = [
        ("doc", Some(method.doc).filter(|doc| !doc.is_empty())),
        ("pool", method.pool_name()),
        ("deadline", method.deadline),
        ("start_deadline", method.start_deadline),
        ("lane", method.lane),
        ("batch", method.batch),
        ("idle", method.idle),
        ("max_duration", method.max_duration),
        ("responses", method.responses),
        ("wire_name", method.wire_name),
    ];
    let lists = [
        ("params", method.params),
        ("states", method.states),
        ("data", method.data),
        ("next", method.next),
        ("calls", method.calls),
    ];
    let flags = [("start", method.start), ("events_only", method.events_only), ("dynamic", method.dynamic)];
    fields.extend(texts_of.into_iter().filter_map(|(key, value)| Some((key, text(value?)))));
    fields.extend(flags.into_iter().filter(|(_, set)| *set).map(|(key, set)| (key, Value::Flag(set))));
    fields.extend(method.wire_number.map(|number| ("wire_number", Value::Number(number))));
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    fields.extend(lists.map(|(key, list)| (key, texts(list))));
    Value::Object(fields)
}

fn text(text: &str) -> Value {
    Value::Text(text.strip_prefix("r#").unwrap_or(text).to_owned())
}

fn texts(list: &[&str]) -> Value {
    Value::List(list.iter().map(|item| text(item)).collect())
}

impl Value {
    /// Indents by two columns. A list of strings is on one line.
    fn write(&self, depth: usize, out: &mut String) {
        match self {
            Value::Text(text) => string(text, out),
            Value::Number(number) => *out += &number.to_string(),
            Value::Flag(set) => *out += if *set { "true" } else { "false" },
            Value::Null => *out += "null",
            Value::List(items) if items.iter().all(|item| matches!(item, Value::Text(_))) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    *out += if at > 0 { ", " } else { "" };
                    item.write(depth, out);
                }
                out.push(']');
            }
            Value::List(items) => {
                lines(out, depth, ('[', ']'), items, |item, out| item.write(depth + 1, out));
            }
            Value::Object(fields) => lines(out, depth, ('{', '}'), fields, |(key, value), out| {
                string(key, out);
                *out += ": ";
                value.write(depth + 1, out);
            }),
        }
    }
}

fn lines<T>(
    out: &mut String,
    depth: usize,
    (open, close): (char, char),
    items: &[T],
    write: impl Fn(&T, &mut String),
) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        *out += if at > 0 { ",\n" } else { "\n" };
        *out += &"  ".repeat(depth + 1);
        write(item, out);
    }
    out.push('\n');
    *out += &"  ".repeat(depth);
    out.push(close);
}

/// A string as in RFC 8259.
fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => *out += "\\\"",
            '\\' => *out += "\\\\",
            '\n' => *out += "\\n",
            '\r' => *out += "\\r",
            '\t' => *out += "\\t",
            c if c < '\u{20}' => *out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    #[test]
    fn strings_are_escaped() {
        let mut out = String::new();
        super::string("a \"b\" \\ \n\t\r \u{1} é", &mut out);
        assert_eq!(out, r#""a \"b\" \\ \n\t\r \u0001 é""#);
    }
}
