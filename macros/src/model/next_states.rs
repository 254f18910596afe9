//! The states that a body may lead to, read from its tokens.
//!
//! The description draws an edge for each state that is named, and a dashed edge if there may be
//! others. A state that nothing leads to produces a warning, but only if every body was read
//! completely. Therefore every doubt counts as "there may be others".
//!
//! A body is read completely if each value that it can return is *written out* as a variant: at the
//! end of the body and of each branch, and after each `return`. It may be alone, in `Ok(..)`,
//! second in a pair, or come from a variable that only `let` and `=` give such values. `Err(..)`
//! and `panic!` return no state. Calls, `?`, patterns and unknown macros are not followed.

use crate::tokens::{Walk, is_ident, is_punct, mentions, walk};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Block, Expr, Local, Pat, Path, Stmt,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
};

/// The states that a body may lead to.
#[derive(Debug)]
pub(crate) struct NextStates {
    /// The variants that the body names anywhere, each once, in the order of the source. The span
    /// is that of the first mention.
    pub(crate) named: Vec<Ident>,
    /// Whether the body leads to no other state.
    pub(crate) exhaustive: bool,
}

/// The next states of `body`, the tokens between the braces of a function. `states` is the name of
/// the enum, and `variants` are all of its variants, `Closed` included.
pub(crate) fn next_states(body: &TokenStream, states: &Ident, variants: &[Ident]) -> NextStates {
    let mut reader = Reader { body, states, variants, returned: Vec::new() };
    let named = reader.named_variants();
    let exhaustive = has_only_known_macros(body) && reader.is_written_out();
    NextStates { named, exhaustive }
}

/// Macros that hide no `return`, or none of a state.
const MACROS: &str = "anyhow assert assert_eq assert_ne bail concat dbg debug debug_assert debug_assert_eq \
    debug_assert_ne debug_span ensure env eprint eprintln error error_span event format format_args \
    include_bytes include_str info info_span join json matches panic print println select stringify todo trace \
    try_join unimplemented unreachable vec warn write writeln";
/// Macros after which nothing is returned. `todo!` is not one of them, because its author will
/// return something.
const NEVER: [&str; 3] = ["bail", "panic", "unreachable"];

struct Reader<'a> {
    body: &'a TokenStream,
    states: &'a Ident,
    variants: &'a [Ident],
    /// Variables that are returned, and how often each is.
    returned: Vec<(Ident, usize)>,
}

impl Reader<'_> {
    /// Every `States::Variant`, with or without type arguments between, in macros too.
    fn named_variants(&self) -> Vec<Ident> {
        let mut named: Vec<Ident> = Vec::new();
        walk(self.body.clone(), &mut |site| {
            if matches!(site.tree(), Some(TokenTree::Ident(ident)) if ident == self.states) {
                let variant = after_colons(site.after());
                let known = variant.filter(|variant| self.variants.contains(variant));
                named.extend(known.filter(|variant| !named.contains(variant)).cloned());
            }
            Walk::Enter
        });
        named
    }

    /// Whether every value that the body can return is a state that is written out.
    fn is_written_out(&mut self) -> bool {
        let Ok(stmts) = Block::parse_within.parse2(self.body.clone()) else { return false };
        self.tail_expr(&stmts) && self.returns() && self.variables()
    }

    /// Whether the value of each `return` is a state that is written out. A `return` in a closure
    /// counts as one of the body.
    fn returns(&mut self) -> bool {
        let mut all = true;
        walk(self.body.clone(), &mut |site| {
            if is_ident(site.tree(), "return") {
                all &= match site.after().first() {
                    None => true,
                    Some(TokenTree::Punct(punct)) if matches!(punct.as_char(), ';' | ',') => true,
                    Some(_) => parse_first::<Expr>(site.after()).is_some_and(|value| self.value(&value)),
                };
            }
            Walk::Enter
        });
        all
    }

    /// Whether the variables that are returned have only states that are written out, and no other
    /// use.
    fn variables(&mut self) -> bool {
        let mut done = 0;
        while let Some((name, _)) = self.returned.get(done).cloned() {
            let mut uses = UseCounts::default();
            if !self.check_bindings(&name, &mut uses) {
                return false;
            }
            done += 1;
            // A value may have led to this variable once more.
            let returned = self.returned.get(done - 1).map_or(0, |(_, times)| *times);
            if uses.lets == 0 || uses.others != returned {
                return false;
            }
        }
        true
    }

    /// Reads each value that is bound to `name`; false if one of them is not a state that is
    /// written out.
    fn check_bindings(&mut self, name: &Ident, uses: &mut UseCounts) -> bool {
        let mut all = true;
        walk(self.body.clone(), &mut |site| {
            if !matches!(site.tree(), Some(TokenTree::Ident(ident)) if ident == name) {
                return Walk::Enter;
            }
            match binding(site.trees, site.at) {
                Binding::Let(from) => {
                    uses.lets += 1;
                    let local = site.trees.get(from..).and_then(parse_first::<PlainLocal>);
                    all &= local.is_some_and(|PlainLocal(local)| match &local.init {
                        Some(init) => init.diverge.is_none() && self.value(&init.expr),
                        None => true,
                    });
                }
                // Another variable of the name, or a parameter, comes first.
                _ if uses.lets == 0 => all = false,
                Binding::Assignment(from) => {
                    let value = site.trees.get(from..).and_then(parse_first::<Expr>);
                    all &= value.is_some_and(|value| self.value(&value));
                }
                Binding::None => uses.others += 1,
            }
            Walk::Enter
        });
        all
    }

    /// Whether the last of these statements has a state that is written out, or no value.
    fn tail_expr(&mut self, stmts: &[Stmt]) -> bool {
        match stmts.last() {
            Some(Stmt::Expr(value, None)) => self.value(value),
            Some(Stmt::Macro(last)) if last.semi_token.is_none() => never_returns(&last.mac.path),
            // The value is `()`, or the end is not reached.
            _ => true,
        }
    }

    /// Whether the value is a state that is written out, or there is none.
    fn value(&mut self, value: &Expr) -> bool {
        match value {
            Expr::Paren(inner) => self.value(&inner.expr),
            Expr::Group(inner) => self.value(&inner.expr),
            Expr::Block(inner) => inner.label.is_none() && self.tail_expr(&inner.block.stmts),
            Expr::Unsafe(inner) => self.tail_expr(&inner.block.stmts),
            Expr::If(inner) => {
                let otherwise = inner.else_branch.as_ref().is_none_or(|(_, value)| self.value(value));
                otherwise && self.tail_expr(&inner.then_branch.stmts)
            }
            Expr::Match(inner) => inner.arms.iter().all(|arm| self.value(&arm.body)),
            Expr::Tuple(pair) if pair.elems.len() == 2 => {
                pair.elems.last().is_some_and(|state| self.value(state))
            }
            Expr::Call(call) => match &*call.func {
                Expr::Path(path) if is(&path.path, "Ok") && call.args.len() == 1 => {
                    call.args.first().is_some_and(|value| self.value(value))
                }
                Expr::Path(path) => is(&path.path, "Err") || self.is_variant(&path.path),
                _ => false,
            },
            Expr::Struct(literal) => self.is_variant(&literal.path),
            Expr::Path(path) => self.is_variant(&path.path) || self.variable(&path.path),
            // `returns` reads the value of each `return`.
            Expr::Return(_) | Expr::Continue(_) => true,
            Expr::Break(inner) => inner.expr.is_none() && inner.label.is_none(),
            // A `break` of an inner loop counts too.
            Expr::Loop(inner) => !mentions(inner.body.to_token_stream(), "break"),
            Expr::Macro(inner) => never_returns(&inner.mac.path),
            _ => false,
        }
    }

    /// `States::Variant`, however the enum is reached.
    fn is_variant(&self, path: &Path) -> bool {
        let mut names = path.segments.iter().rev().map(|segment| &segment.ident);
        names.next().is_some_and(|last| self.variants.contains(last))
            && names.next().is_some_and(|of| of == self.states)
    }

    /// Notes a plain name. Whether it is a variable, and of which values, `variables` finds out.
    fn variable(&mut self, path: &Path) -> bool {
        let Some(name) = path.get_ident() else { return false };
        match self.returned.iter_mut().find(|(seen, _)| seen == name) {
            Some((_, times)) => *times += 1,
            None => self.returned.push((name.clone(), 1)),
        }
        true
    }
}

/// How often the name of a variable is used.
#[derive(Default)]
struct UseCounts {
    lets: usize,
    others: usize,
}

/// What a name is used for.
enum Binding {
    /// `let name`, with the position of `let`.
    Let(usize),
    /// `name = value`, with the position of the value.
    Assignment(usize),
    None,
}

/// What the name at `at` is used for.
fn binding(trees: &[TokenTree], at: usize) -> Binding {
    let back = |count: usize| at.checked_sub(count).and_then(|at| trees.get(at));
    let starts_statement = match back(1) {
        None => true,
        Some(TokenTree::Punct(punct)) => matches!(punct.as_char(), ';' | '>'),
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        Some(_) => false,
    };
    let mark = |at: usize, mark| is_punct(trees.get(at), mark);
    let assigns = mark(at + 1, '=') && !mark(at + 2, '=') && !mark(at + 2, '>');
    let distance = match () {
        () if is_ident(back(1), "let") => Some(1),
        () if is_ident(back(1), "mut") && is_ident(back(2), "let") => Some(2),
        () => None,
    };
    // `if let name = ..` has a pattern.
    let is_statement = |distance: usize| {
        let before = back(distance + 1);
        !matches!(before, Some(TokenTree::Ident(_))) && !is_punct(before, '&')
    };
    match distance {
        Some(distance) if is_statement(distance) => Binding::Let(at - distance),
        None if starts_statement && assigns => Binding::Assignment(at + 2),
        _ => Binding::None,
    }
}

/// A `let` that binds a plain name.
struct PlainLocal(Local);

impl Parse for PlainLocal {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let is_name = |pat: &Pat| match pat {
            Pat::Ident(pat) => pat.by_ref.is_none() && pat.subpat.is_none(),
            _ => false,
        };
        match input.parse()? {
            Stmt::Local(local) => {
                let is_plain = match &local.pat {
                    Pat::Type(typed) => is_name(&typed.pat),
                    pat => is_name(pat),
                };
                if is_plain { Ok(PlainLocal(local)) } else { Err(input.error("not a plain name")) }
            }
            _ => Err(input.error("not a `let`")),
        }
    }
}

/// The syntax that these tokens begin with, whatever comes after it.
fn parse_first<T: Parse>(trees: &[TokenTree]) -> Option<T> {
    let read = |input: ParseStream<'_>| {
        let found = input.parse::<T>()?;
        input.parse::<TokenStream>()?;
        Ok(found)
    };
    read.parse2(trees.iter().cloned().collect()).ok()
}

/// `Variant` of `::Variant` or `::<T>::Variant`.
fn after_colons(trees: &[TokenTree]) -> Option<&Ident> {
    let colon = |tree: &TokenTree| is_punct(Some(tree), ':');
    match trees {
        [one, two, TokenTree::Ident(name), ..] if colon(one) && colon(two) => Some(name),
        [one, two, open, tail @ ..] if colon(one) && colon(two) && is_punct(Some(open), '<') => {
            let mut depth = 1_usize;
            let end = tail.iter().position(|tree| {
                depth += usize::from(is_punct(Some(tree), '<'));
                depth -= usize::from(is_punct(Some(tree), '>'));
                depth == 0
            })?;
            after_colons(tail.get(end + 1..)?)
        }
        _ => None,
    }
}

/// Whether the last name of the path is this: `Ok` of `Result::Ok`.
fn is(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|last| last.ident == name)
}

fn never_returns(path: &Path) -> bool {
    NEVER.iter().any(|name| is(path, name))
}

/// Whether every macro that is called is one of [`MACROS`].
fn has_only_known_macros(body: &TokenStream) -> bool {
    let mut known = true;
    walk(body.clone(), &mut |site| {
        if let Some(name) = site.macro_name() {
            let name = name.unraw();
            known &= MACROS.split_whitespace().any(|known| name == known);
        }
        Walk::Enter
    });
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::Span;

    fn of(body: &str) -> (Vec<String>, bool) {
        let ident = |name: &&str| Ident::new(name, Span::call_site());
        let variants: Vec<Ident> = ["Greeted", "Mail", "Closed"].iter().map(ident).collect();
        let found = next_states(&body.parse().expect(body), &ident(&"SmtpState"), &variants);
        (found.named.iter().map(Ident::to_string).collect(), found.exhaustive)
    }

    #[test]
    fn named_states_are_found_at_any_depth() {
        for (body, named) in [
            ("SmtpState::Mail", vec!["Mail"]),
            ("(r, crate::smtp::SmtpState::Mail(from))", vec!["Mail"]),
            ("if a { SmtpState::Mail } else { SmtpState::Closed }", vec!["Mail", "Closed"]),
            ("select! { r = f() => { return SmtpState::Mail } }", vec!["Mail"]),
            ("f(SmtpState::Mail).or(SmtpState::Mail)", vec!["Mail"]),
            ("SmtpState::<Vec<T>>::Mail(t)", vec!["Mail"]),
            ("other::State::Mail", vec![]),
            ("SmtpState::new()", vec![]),
            ("Mail(from)", vec![]),
        ] {
            assert_eq!(of(body).0, named, "{body}");
        }
    }

    #[test]
    fn bodies_that_write_states_out_are_exhaustive() {
        for body in [
            "SmtpState::Mail",
            "SmtpState::Mail(from, SmtpState::start())",
            "SmtpState::Mail { 0: from }",
            "smtp::SmtpState::<T>::Mail(from)",
            "(Reply::ok(), SmtpState::Mail(from))",
            "Ok((Reply::ok(), SmtpState::Mail(from)))",
            "Ok::<_, Error>(SmtpState::Closed)",
            "let from = self.look_up(request).await?; Ok((Reply::ok(), SmtpState::Mail(from)))",
            "match request { Request::Helo(name) if !(name.is_empty()) => (r, SmtpState::Greeted(name)), _ => (r, SmtpState::Closed) }",
            "if bad { return Err(Error::Bad); } SmtpState::Mail",
            "if bad { return (r, SmtpState::Closed); } (r, SmtpState::Mail)",
            "match r { A => return SmtpState::Closed, B => SmtpState::Mail }",
            "match r { A => panic!(\"no\"), B => { tracing::debug!(?r); SmtpState::Mail } }",
            "let Some(a) = b else { return Ok(SmtpState::Closed) }; Ok(SmtpState::Mail(a))",
            "loop { match next().await { Some(a) => return SmtpState::Mail(a), None => continue } }",
            "return SmtpState::Mail;",
            "unreachable!()",
            "for x in xs { if x.last() { break; } } SmtpState::Mail",
            "let next = if a { SmtpState::Mail } else { SmtpState::Closed }; (r, next)",
            "let mut next = SmtpState::Mail; if a { next = SmtpState::Closed; } Ok((r, next))",
            "let next: SmtpState; if a { next = SmtpState::Closed } else { next = SmtpState::Mail } next",
            "let next = SmtpState::Mail; if a { return (r, next); } (s, next)",
        ] {
            assert!(of(body).1, "{body}");
        }
    }

    #[test]
    fn bodies_with_other_values_are_not_exhaustive() {
        for body in [
            "self.next(request).await",
            "Ok((r, self.next()))",
            "(r, next_of(request))",
            "Mail(from)",
            "(r, State::Mail)",
            "SmtpState::start()",
            "SmtpState::START",
            "self.helo(SmtpState::Mail)",
            "helo().map(SmtpState::Mail)",
            "Ok(self.step()?)",
            "if a { SmtpState::Mail } else { self.next() }",
            "if bad { return self.refuse(); } SmtpState::Mail",
            "match r { A => return self.refuse(), B => SmtpState::Mail }",
            "match r { A => self.refuse(), B => SmtpState::Mail }",
            "select! { r = f() => SmtpState::Mail }",
            "todo!()",
            "if a { SmtpState::Mail } else { unimplemented!() }",
            "finish!(a); SmtpState::Mail",
            "step!(SmtpState::Mail)",
            "loop { break self.next(); }",
            "'a: { break 'a self.next(); }",
            "loop { break SmtpState::Mail; }",
            "async { SmtpState::Mail }.await",
            "next",
            "(r, data)",
            "let next = self.next(); (r, next)",
            "let (r, next) = self.step(); (r, next)",
            "let mut next = SmtpState::Mail; self.change(&mut next); next",
            "let mut next = SmtpState::Mail; next = self.next(); next",
            "let next = SmtpState::Mail; if let Some(next) = self.other() { return next; } next",
            "let next = SmtpState::Mail; if let next = self.other() { return next; } next",
            "if a { return next; } let next = SmtpState::Mail; next",
            "let next = SmtpState::Mail; x.iter().map(|next| f(next)); next",
            "let Some(next) = self.next() else { return SmtpState::Closed }; next",
            "SmtpState::Mail; ? ?",
        ] {
            assert!(!of(body).1, "{body}");
        }
    }
}
