//! Prints a description in the language of Mermaid, which documentation sites render.

use crate::{Chart, Description, Kind, Method, Role, RunsOn, Target};

/// The node for states that a body does not name.
const ANY: &str = "any__state";

/// Keywords of Mermaid in lower case, which can't be names.
const KEYWORDS: &str = "accdescr acctitle as call choice class classdef click concurrent default direction down end \
    flowchart fork graph hide href join left linkstyle lr note of over right rl scale state statediagram style \
    subgraph tb td title up";

impl Description<'_> {
    /// The chart in the language of [Mermaid](https://mermaid.js.org): a `stateDiagram-v2`, or a
    /// `flowchart`. In the first, an edge without a label is a request, and `?` stands for states
    /// that a body does not name. In the second, an edge says how the method is called:
    /// `.await` and `.wait(worker)`, or nothing for a plain call.
    #[must_use]
    pub fn mermaid(&self, chart: Chart) -> String {
        let mut out = String::new();
        match chart {
            Chart::States => self.state_diagram(&mut out),
            Chart::Threads => self.flowchart(&mut out),
        }
        out
    }

    fn state_diagram(&self, out: &mut String) {
        *out += "stateDiagram-v2\n";
        let handlers = self.methods.iter().filter(|method| match self.kind() {
            Kind::PerState => method.role == Role::OnState,
            _ => matches!(method.role, Role::OnRequest | Role::OnSession),
        });
        for method in handlers {
            let id = id(method.name);
            *out += &format!("    {id} : {}\n", label(method.name));
            for line in notes(method) {
                *out += &format!("    {id} : {}\n", label(&line));
            }
        }
        let edges = self.transitions();
        if edges.iter().any(|edge| edge.to == Target::Unknown) {
            *out += &format!(
                "    {ANY} : #63;\n    classDef dashed stroke-dasharray: 4\n    class {ANY} dashed\n"
            );
        }
        for edge in edges {
            let from = edge.from.map_or_else(|| "[*]".to_owned(), id);
            let to = match edge.to {
                Target::Named(name) => id(name),
                Target::Closed => "[*]".to_owned(),
                Target::Unknown => ANY.to_owned(),
            };
            let label = match edge.trigger.label() {
                "" => String::new(),
                name => format!(" : {}", label(name)),
            };
            *out += &format!("    {from} --> {to}{label}\n");
        }
    }

    fn flowchart(&self, out: &mut String) {
        *out += "flowchart LR\n    subgraph the-loop[\"loop\"]\n";
        for method in self.callers() {
            *out += &node(method);
        }
        *out += "    end\n";
        for (at, pool) in self.pools().into_iter().enumerate() {
            *out += &format!("    subgraph pool-{at}[\"{}\"]\n", label(pool));
            for method in self.methods.iter().filter(|method| method.pool_name() == Some(pool)) {
                *out += &node(method);
            }
            *out += "    end\n";
        }
        for call in self.calls() {
            let runs_on = self.method(call.from).map_or(RunsOn::EventLoop, Method::runs_on);
            let label = match call.crossing.call_syntax(runs_on) {
                "" => String::new(),
                written => format!("|\"{}\"|", label(written)),
            };
            *out += &format!("    {} -->{label} {}\n", id(call.from), id(call.to));
        }
    }
}

/// The lines under the name of a method.
fn notes(method: &Method<'_>) -> Vec<String> {
    let data = (!method.data.is_empty()).then(|| method.data.join(", "));
    let options: Vec<_> = method.handler_options().collect();
    let options = (!options.is_empty()).then(|| options.join(", "));
    data.into_iter().chain(options).chain(method.responds()).collect()
}

/// A handler is round, a helper has double sides, and a job is a box.
fn node(method: &Method<'_>) -> String {
    let (open, close) = match method.runs_on() {
        RunsOn::EventLoop => ("(", ")"),
        RunsOn::Caller => ("[[", "]]"),
        RunsOn::PoolThread => ("[", "]"),
    };
    let lines: Vec<_> =
        std::iter::once(method.name.to_owned()).chain(method.options()).map(|line| label(&line)).collect();
    format!("        {}{open}\"{}\"{close}\n", id(method.name), lines.join("<br/>"))
}

/// A name that is no keyword of Mermaid.
fn id(name: &str) -> String {
    let name = name.strip_prefix("r#").unwrap_or(name);
    let mut id: String = name
        .chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => c.to_string(),
            other => format!("u{:x}", u32::from(other)),
        })
        .collect();
    let small = id.to_lowercase();
    if KEYWORDS.split_whitespace().any(|keyword| keyword == small) {
        id.push('_');
    }
    id
}

/// Escapes a label: every character that could be syntax is written as a numeric entity.
fn label(text: &str) -> String {
    let text = text.strip_prefix("r#").unwrap_or(text);
    let escaped = |c: char| match c {
        ' ' | '_' | '.' | ',' | '(' | ')' => c.to_string(),
        c if c.is_alphanumeric() => c.to_string(),
        c if c.is_control() => " ".to_owned(),
        other => format!("#{};", u32::from(other)),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_text_and_nothing_else() {
        assert_eq!(label("self.pools[i % 2]"), "self.pools#91;i #37; 2#93;");
        assert_eq!(label("say \"a\"; #1\n--> b"), "say #34;a#34;#59; #35;1 #45;#45;#62; b");
        assert_eq!(label("größe"), "größe");
    }

    #[test]
    fn ids_are_no_words_of_mermaids() {
        assert_eq!(id("end"), "end_");
        assert_eq!(id("r#loop"), "loop");
        assert_eq!(id("Note"), "Note_");
        assert_eq!(id("ended"), "ended");
        assert_eq!(id("größe"), "gruf6udfe");
    }
}
