//! Prints a description in the language of Graphviz.

use crate::{Chart, Description, Kind, Method, Role, RunsOn, Target};

impl Description<'_> {
    /// The chart in the language of [Graphviz](https://graphviz.org/doc/info/lang.html). It has the
    /// content of [`mermaid`](Self::mermaid): edges to states that a body does not name are dashed.
    #[must_use]
    pub fn dot(&self, chart: Chart) -> String {
        let direction = match chart {
            Chart::States => "TB",
            Chart::Threads => "LR",
        };
        let mut out = format!("digraph {} {{\n    rankdir={direction};\n", quoted(self.service));
        out += "    node [shape=box, style=rounded, fontname=\"sans-serif\"];\n";
        out += "    edge [fontname=\"sans-serif\"];\n";
        match chart {
            Chart::States => self.state_graph(&mut out),
            Chart::Threads => self.thread_graph(&mut out),
        }
        out + "}\n"
    }

    fn state_graph(&self, out: &mut String) {
        let edges = self.transitions();
        let leads = |to| edges.iter().any(|edge| edge.to == to);
        if edges.iter().any(|edge| edge.from.is_none()) {
            *out += "    \"[begin]\" [shape=circle, label=\"\", width=0.2, style=filled, fillcolor=black];\n";
        }
        let handlers = self.methods.iter().filter(|method| match self.kind() {
            Kind::PerState => method.role == Role::OnState,
            _ => matches!(method.role, Role::OnRequest | Role::OnSession),
        });
        for method in handlers {
            let data = (!method.data.is_empty()).then(|| method.data.join(", "));
            let notes = data.into_iter().chain(method.handler_options()).chain(method.responds());
            *out += &node(method, notes.collect(), "    ", "");
        }
        if leads(Target::Unknown) {
            *out += "    \"[any]\" [label=\"?\", style=\"rounded,dashed\"];\n";
        }
        if leads(Target::Closed) {
            *out += "    \"[end]\" [shape=doublecircle, label=\"\", width=0.15, style=filled, fillcolor=black];\n";
        }
        for edge in edges {
            let from = edge.from.map_or_else(|| "\"[begin]\"".to_owned(), quoted);
            let (to, dashed) = match edge.to {
                Target::Named(name) => (quoted(name), false),
                Target::Closed => ("\"[end]\"".to_owned(), false),
                Target::Unknown => ("\"[any]\"".to_owned(), true),
            };
            *out += &arrow(&from, &to, edge.trigger.label(), dashed);
        }
    }

    fn thread_graph(&self, out: &mut String) {
        *out += "    subgraph \"cluster_loop\" {\n        label=\"loop\";\n";
        for method in self.callers() {
            *out += &node(method, Vec::new(), "        ", "");
        }
        *out += "    }\n";
        for (at, pool) in self.pools().into_iter().enumerate() {
            *out += &format!("    subgraph \"cluster_pool_{at}\" {{\n        label={};\n", quoted(pool));
            for method in self.methods.iter().filter(|method| method.pool_name() == Some(pool)) {
                *out += &node(method, method.options().collect(), "        ", ", style=solid");
            }
            *out += "    }\n";
        }
        for call in self.calls() {
            let runs_on = self.method(call.from).map_or(RunsOn::EventLoop, Method::runs_on);
            *out += &arrow(&quoted(call.from), &quoted(call.to), call.crossing.call_syntax(runs_on), false);
        }
    }
}

fn node(method: &Method<'_>, notes: Vec<String>, indent: &str, style: &str) -> String {
    let lines: Vec<_> = std::iter::once(bare(method.name).to_owned()).chain(notes).collect();
    let tooltip = match method.doc {
        "" => String::new(),
        doc => format!(", tooltip={}", quoted(doc)),
    };
    format!("{indent}{} [label={}{style}{tooltip}];\n", quoted(method.name), quoted(&lines.join("\n")))
}

fn arrow(from: &str, to: &str, label: &str, dashed: bool) -> String {
    let label = (!label.is_empty()).then(|| format!("label={}", quoted(label)));
    let dashed = dashed.then(|| "style=dashed".to_owned());
    let attrs: Vec<_> = label.into_iter().chain(dashed).collect();
    match attrs.is_empty() {
        true => format!("    {from} -> {to};\n"),
        false => format!("    {from} -> {to} [{}];\n", attrs.join(", ")),
    }
}

fn bare(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// Quotes a DOT string. `&` is escaped because it begins an entity, and the end of a line becomes
/// `\n`, which centers the line.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in bare(text).chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '&' => out += "&amp;",
            '\n' => out += "\\n",
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn strings_end_where_they_should() {
        assert_eq!(quoted(r#"a "b" \"#), r#""a \"b\" \\""#);
        assert_eq!(quoted("&POOL\nnext\ttab"), r#""&amp;POOL\nnext tab""#);
    }
}
