//! The description of a service as text: the options of its methods, and the states and calls in
//! their bodies.

use super::{
    Blocking, Method, Param, Role, Service, TransitionHandler, Trigger, next_states, several_responses,
    variant,
};
use crate::{
    parse::{DurationArg, HookEvent, StateOptions},
    tokens::{Walk, is_one_of, is_punct, walk},
};
use portcullis_describe as describe;
use proc_macro2::{Delimiter, Ident, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use std::time::Duration;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, ext::IdentExt};

/// The description of one method, with the fields of [`describe::Method`].
pub(crate) struct MethodDescription<'a> {
    pub(crate) method: &'a Method,
    pub(crate) role: describe::Role,
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) states: Vec<String>,
    pub(crate) start: bool,
    pub(crate) events_only: bool,
    pub(crate) batch: Option<String>,
    pub(crate) idle: Option<String>,
    pub(crate) max_duration: Option<String>,
    pub(crate) data: Vec<String>,
    pub(crate) responses: Option<String>,
    pub(crate) next: Vec<String>,
    pub(crate) dynamic: bool,
    pub(crate) pool: Option<String>,
    pub(crate) deadline: Option<String>,
    pub(crate) start_deadline: Option<String>,
    pub(crate) lane: Option<String>,
    /// The parameters of an `#[rpc]` method.
    pub(crate) params: Vec<String>,
    pub(crate) calls: Vec<String>,
}

impl Service {
    /// The descriptions of all methods with a role.
    pub(crate) fn described(&self) -> Vec<MethodDescription<'_>> {
        let mut all: Vec<_> = self.methods().filter_map(|method| self.described_method(method)).collect();
        let known: Vec<(String, bool)> =
            all.iter().map(|one| (one.name.clone(), one.role == describe::Role::RunsOnPool)).collect();
        for one in &mut all {
            add_calls(one.method.function.body.stream(), &known, &mut one.calls);
        }
        all
    }

    fn described_method<'a>(&self, method: &'a Method) -> Option<MethodDescription<'a>> {
        let mut one = MethodDescription {
            method,
            role: role(method)?,
            name: method.function.sig.ident.unraw().to_string(),
            doc: summary(&method.function.attrs),
            states: Vec::new(),
            start: false,
            events_only: false,
            batch: None,
            idle: None,
            max_duration: None,
            data: Vec::new(),
            responses: several_responses(self, method).map(text),
            next: Vec::new(),
            dynamic: false,
            pool: None,
            deadline: None,
            start_deadline: None,
            lane: None,
            params: Vec::new(),
            calls: Vec::new(),
        };
        if let Some(rpc) = &method.rpc {
            let param = |param: &Param| format!("{}: {}", text(&param.written.pat), text(&param.written.ty));
            one.params = rpc.params.iter().map(param).collect();
        }
        match &method.role {
            Role::Transition(transition) => {
                one.transition_handlers(transition);
                self.leads(method, true, &mut one);
            }
            // A hook that returns no state is not exhaustive, and need not be.
            Role::Hook(hook) if hook.event == Some(HookEvent::Connect) => self.leads(method, false, &mut one),
            Role::Blocking(blocking) => one.runs(blocking),
            Role::Handler(handler) => one.batch = handler.batch().map(|keyed| text(&keyed.value)),
            _ => {}
        }
        Some(one)
    }

    /// Adds the states that the body leads to, by the names of their methods.
    fn leads(&self, method: &Method, gives_a_state: bool, one: &mut MethodDescription<'_>) {
        let Some(states) = &self.states else { return };
        let found = next_states(&method.function.body.stream(), &states.ident, &self.variants());
        let name = |named: &Ident| {
            let handler =
                self.state_handlers().find(|(method, _)| variant(&method.function.sig.ident) == *named);
            handler.map_or_else(
                || "closed".to_owned(),
                |(method, _)| method.function.sig.ident.unraw().to_string(),
            )
        };
        one.next = found.named.iter().map(name).collect();
        one.dynamic = !found.exhaustive && (gives_a_state || !one.next.is_empty());
    }
}

impl MethodDescription<'_> {
    fn transition_handlers(&mut self, transition: &TransitionHandler) {
        match &transition.trigger {
            Trigger::State(StateOptions { start, idle, max_duration, events_restart_idle, .. }) => {
                self.start = start.is_some();
                self.events_only = transition.events_only().is_some();
                let restarts = if events_restart_idle.is_some() { ", restarted by events" } else { "" };
                self.idle = idle.as_ref().map(|keyed| limit_text(&keyed.value) + restarts);
                self.max_duration = max_duration.as_ref().map(|keyed| limit_text(&keyed.value));
                self.data = transition.data.iter().map(|param| text(&param.written.ty)).collect();
            }
            Trigger::Event { states, .. } => {
                self.states = states.iter().map(|state| state.unraw().to_string()).collect();
            }
            Trigger::Timeout { state, .. } => {
                self.states = state.iter().map(|state| state.unraw().to_string()).collect();
            }
        }
    }

    fn runs(&mut self, blocking: &Blocking) {
        self.pool = blocking.pool.as_ref().map(text);
        self.lane = blocking.lane.as_ref().map(text);
        self.deadline = blocking.deadline.as_ref().map(limit_text);
        self.start_deadline = blocking.start_deadline.as_ref().map(|keyed| limit_text(&keyed.value));
    }
}

/// A time limit as it is written.
fn limit_text(limit: &DurationArg) -> String {
    match limit {
        DurationArg::Literal(duration) => said(*duration),
        DurationArg::Expr(expr) => text(expr),
    }
}

fn role(method: &Method) -> Option<describe::Role> {
    use super::{HandlerKind, Side};
    use describe::Role as Of;
    Some(match &method.role {
        Role::Plain | Role::Unusable => return None,
        Role::Call => Of::OnCall,
        Role::Helper => Of::AsyncHelper,
        Role::Blocking(_) => Of::RunsOnPool,
        Role::Handler(handler) => match handler.kind {
            HandlerKind::Request { .. } => Of::OnRequest,
            HandlerKind::Session { .. } => Of::OnSession,
        },
        Role::Transition(transition) => match transition.trigger {
            Trigger::State(_) => Of::OnState,
            Trigger::Event { .. } => Of::OnEvent,
            Trigger::Timeout { .. } => Of::OnTimeout,
        },
        Role::Interceptor(interceptor) => match interceptor.side {
            Side::Before => Of::Before,
            Side::After => Of::After,
        },
        Role::Hook(hook) => match hook.event? {
            HookEvent::Start => Of::OnStart,
            HookEvent::Connect => Of::OnConnect,
            HookEvent::Error => Of::OnError,
            HookEvent::Disconnect => Of::OnDisconnect,
            HookEvent::Stop => Of::OnStop,
            HookEvent::Timeout => Of::OnTimeout,
        },
    })
}

/// The first paragraph of a doc comment on one line, which is what rustdoc shows as its summary.
pub(crate) fn summary(attrs: &[Attribute]) -> String {
    let text = |attr: &Attribute| match &attr.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    };
    let begins_block = |line: &str| {
        ["```", "~~~", "#", "- ", "* ", "+ ", "> ", "|", "1."].iter().any(|start| line.starts_with(start))
    };
    let texts: Vec<String> = attrs.iter().filter_map(text).collect();
    // A doc attribute of an empty text is an empty line.
    let lines = texts.iter().flat_map(|text| if text.is_empty() { vec![""] } else { text.lines().collect() });
    let mut lines = lines.map(str::trim).skip_while(|line| line.is_empty());
    let mut summary = lines.next().unwrap_or_default().to_owned();
    if !begins_block(&summary) {
        for line in lines.take_while(|line| !line.is_empty() && !begins_block(line)) {
            summary.push(' ');
            summary.push_str(line);
        }
    }
    summary
}

/// Adds each of the `known` methods that the body calls, in the order of the calls: `self.name(`,
/// `self.name::<T>(` and `Self::name(`. A blocking method may also be called as `blocking_name`.
fn add_calls(body: TokenStream, known: &[(String, bool)], found: &mut Vec<String>) {
    walk(body, &mut |site| {
        if is_one_of(site.tree(), &["self", "Self"]) {
            let name = called_method(site.after()).filter(|name| {
                known.iter().any(|(known, blocking)| {
                    name == known || *blocking && name.strip_prefix("blocking_") == Some(known)
                })
            });
            found.extend(name.filter(|name| !found.contains(name)));
        }
        Walk::Enter
    });
}

/// The method that is called by the tokens after `self` or `Self`.
fn called_method(after: &[TokenTree]) -> Option<String> {
    let tail = match after {
        [dot, tail @ ..] if is_punct(Some(dot), '.') => tail,
        [one, two, tail @ ..] if is_punct(Some(one), ':') && is_punct(Some(two), ':') => tail,
        _ => return None,
    };
    let [TokenTree::Ident(name), tail @ ..] = tail else { return None };
    let is_call = match tail.first() {
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
        first => is_punct(first, ':') && is_punct(tail.get(1), ':') && is_punct(tail.get(2), '<'),
    };
    is_call.then(|| name.unraw().to_string())
}

/// A duration in the syntax of the options: `1m30s`.
fn said(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    let mut said = String::new();
    for (unit, millis) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if rest >= millis {
            said += &format!("{}{unit}", rest / millis);
            rest %= millis;
        }
    }
    said
}

/// An expression or a type as it is usually written: `self.pools[i % 2]`, `Vec<&'static str>`.
fn text(tokens: &impl ToTokens) -> String {
    let mut out = String::new();
    write(tokens.to_token_stream(), &mut out);
    out
}

fn write(tokens: TokenStream, out: &mut String) {
    let mut joint = false;
    for tree in tokens {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => (" { ", " }"),
                    Delimiter::None => ("", ""),
                };
                *out += open;
                write(group.stream(), out);
                *out += close;
                joint = false;
            }
            TokenTree::Punct(punct) => {
                let (mark, after) = (punct.as_char(), punct.spacing() == Spacing::Joint);
                let between = "+-/%^|=".contains(mark) && !out.is_empty();
                if between && !joint && !out.ends_with(' ') {
                    out.push(' ');
                }
                out.push(mark);
                let arrow = mark == '>' && (out.ends_with("->") || out.ends_with("=>"));
                if (between && !after) || arrow || matches!(mark, ',' | ';') {
                    out.push(' ');
                }
                joint = after;
            }
            word => {
                if out.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"')) {
                    out.push(' ');
                }
                *out += &word.to_string();
                joint = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn expressions_read_as_written() {
        for written in [
            "self.cpu",
            "self.pools[i % 2]",
            "&POOL",
            "crate::pools::CPU",
            "Pool::named(\"a b\", 2)",
            "Duration::from_secs(2 + n)",
            "Vec<Option<&'static str>>",
            "HashMap<String, Arc<dyn Fn(u8) -> u8>>",
            "[u8; 4]",
            "(A, B)",
            "&mut T",
        ] {
            assert_eq!(text(&written.parse::<TokenStream>().expect(written)), written);
        }
    }

    #[test]
    fn durations_read_as_said() {
        for (millis, said_) in [(250, "250ms"), (90_000, "1m30s"), (7_200_000, "2h"), (1_500, "1s500ms")] {
            assert_eq!(said(Duration::from_millis(millis)), said_);
        }
    }

    #[test]
    fn calls_are_found_in_any_depth() {
        let known = [("shrink".to_owned(), true), ("count".to_owned(), false), ("type".to_owned(), false)];
        let mut found = Vec::new();
        let body = quote! {
            let n = select! { n = self.count(1) => n };
            self.count.load(); self.shrinks(); other.shrink(1);
            Self::blocking_shrink(self, worker, self.r#type::<u8>());
            self.count(2).await
        };
        add_calls(body, &known, &mut found);
        assert_eq!(found, ["count", "blocking_shrink", "type"]);
    }

    #[test]
    fn the_summary_of_docs_is_their_first_paragraph() {
        let of = |item: syn::ItemStruct| summary(&item.attrs);
        let item = syn::parse_quote! {
            #[doc = "\n  One, which\nwraps."]
            #[doc = "Still one."]
            #[doc = ""]
            #[doc = "Two."]
            struct S;
        };
        assert_eq!(of(item), "One, which wraps. Still one.");
        assert_eq!(of(syn::parse_quote! { #[doc = "One:\n- a\n- b"] struct S; }), "One:");
        assert_eq!(of(syn::parse_quote! { #[doc = "# Title\ntext"] struct S; }), "# Title");
        assert_eq!(of(syn::parse_quote! { struct S; }), "");
    }
}
