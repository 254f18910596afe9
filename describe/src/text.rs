//! Prints a description as plain text, for a terminal.

use crate::{Crossing, Description, Method, Role, Target};
use std::fmt::{self, Display, Formatter};

/// The service, and its methods with their options, calls and next states.
impl Display for Description<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.service)?;
        if !self.doc.is_empty() {
            write!(f, ": {}", self.doc)?;
        }
        let width = self.methods.iter().map(|method| method.name.len()).max().unwrap_or(0);
        for method in self.methods {
            write!(f, "\n  {:width$}  {}", method.name, method.role.name())?;
            if method.role == Role::RunsOnPool && method.wire_number.is_some() {
                f.write_str(" rpc")?;
            }
            about(method, f)?;
            if !method.doc.is_empty() {
                write!(f, ": {}", method.doc)?;
            }
            for call in self.calls().iter().filter(|call| call.from == method.name) {
                let crossing = match call.crossing {
                    Crossing::SameThread => "",
                    crossing => crossing.name(),
                };
                write!(f, "\n  {:width$}    calls {}{}", "", call.to, in_brackets(crossing))?;
            }
        }
        for edge in self.transitions() {
            let to = match edge.to {
                Target::Named(name) => name,
                Target::Closed => "closed",
                Target::Unknown => "any state",
            };
            let from = edge.from.unwrap_or("begin");
            write!(f, "\n  {from} -> {to}{}", in_brackets(edge.trigger.label()))?;
        }
        Ok(())
    }
}

fn about(method: &Method<'_>, f: &mut Formatter<'_>) -> fmt::Result {
    let start = method.start.then(|| "start".to_owned());
    let states = (!method.states.is_empty()).then(|| format!("in {}", method.states.join(", ")));
    let data = (!method.data.is_empty()).then(|| format!("of {}", method.data.join(", ")));
    let pool = method.pool_name().map(|pool| format!("on {pool}"));
    let parts: Vec<_> = start
        .into_iter()
        .chain(states)
        .chain(data)
        .chain(method.call_parts())
        .chain(pool)
        .chain(method.handler_options())
        .chain(method.options())
        .chain(method.responds())
        .collect();
    f.write_str(&in_brackets(&parts.join(", ")))
}

fn in_brackets(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}
