//! Where a body goes on: which states it names, and whether it can come to any other.
//!
//! Two readers: the description draws an edge for each state that is named, and a dashed one where
//! others may follow; the check for states that nothing leads to speaks up only where every body
//! was understood. So the doubtful is "not understood" here: a state that is taken for unreachable
//! and is not would be a wrong error.
//!
//! A body is understood if each value that it can return is *written out* as a variant: at its end,
//! behind `return`, in every arm and branch, alone, in `Ok(..)`, as the second of a pair, or by way
//! of a variable that `let` and `=` give such values and nothing else touches. `Err(..)`, `panic!`
//! and their like return no state. Whatever else a value comes from (a call, a method, `?`, a
//! macro, a pattern) is not looked into, nor is a macro whose name is not that of a well-known one:
//! a `return` may be hidden in it.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::{
    Block, Expr, Local, Pat, Path, Stmt,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
};

/// The states that a body may lead to.
#[derive(Debug)]
pub(crate) struct NextStates {
    /// The variants that stand anywhere in the body, each once, as they come. Their spans are the
    /// first mention's.
    pub(crate) named: Vec<Ident>,
    /// No other than these can come out of it.
    pub(crate) exhaustive: bool,
}

/// What `body` (what is between the braces of a function) can return of the enum called `states`,
/// by its last name. `variants` are all of the enum's, `Closed` among them: what else stands behind
/// the enum's name is none.
pub(crate) fn next_states(body: &TokenStream, states: &Ident, variants: &[Ident]) -> NextStates {
    let mut reader = Reader { body, states, variants, seen: Vec::new() };
    let mut named = Vec::new();
    reader.mentions(body, &mut named);
    let exhaustive = plain_macros(body) && reader.body_is_understood();
    NextStates { named, exhaustive }
}

/// Macros in which no `return` is hidden, or none that gives a state.
const MACROS: &str = "anyhow assert assert_eq assert_ne bail concat dbg debug debug_assert debug_assert_eq \
    debug_assert_ne debug_span ensure env eprint eprintln error error_span event format format_args \
    include_bytes include_str info info_span join json matches panic print println select stringify todo trace \
    try_join unimplemented unreachable vec warn write writeln";
/// Those that have no value: behind them, nothing is returned. `todo!` is not among them: there,
/// something will be.
const NEVER: [&str; 3] = ["bail", "panic", "unreachable"];

struct Reader<'a> {
    body: &'a TokenStream,
    states: &'a Ident,
    variants: &'a [Ident],
    /// Variables in result position, and how often each stands there.
    seen: Vec<(Ident, usize)>,
}

impl Reader<'_> {
    /// Every `States::Variant`, with or without type arguments between, in macros too.
    fn mentions(&self, tokens: &TokenStream, named: &mut Vec<Ident>) {
        let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
        for (at, tree) in trees.iter().enumerate() {
            match tree {
                TokenTree::Group(group) => self.mentions(&group.stream(), named),
                TokenTree::Ident(ident) if ident == self.states => {
                    let variant = trees.get(at + 1..).and_then(behind_colons);
                    let known = variant.filter(|variant| self.variants.contains(variant));
                    named.extend(known.filter(|variant| !named.contains(variant)).cloned());
                }
                _ => {}
            }
        }
    }

    fn body_is_understood(&mut self) -> bool {
        let Ok(stmts) = Block::parse_within.parse2(self.body.clone()) else { return false };
        self.tail(&stmts) && self.returns(self.body) && self.variables()
    }

    /// What is behind each `return`, wherever it stands: one in a closure is taken for one of the
    /// body.
    fn returns(&mut self, tokens: &TokenStream) -> bool {
        let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
        trees.iter().enumerate().all(|(at, tree)| match tree {
            TokenTree::Group(group) => self.returns(&group.stream()),
            TokenTree::Ident(ident) if ident == "return" => match trees.get(at + 1) {
                None => true,
                Some(TokenTree::Punct(punct)) if matches!(punct.as_char(), ';' | ',') => true,
                Some(_) => first::<Expr>(&trees, at + 1).is_some_and(|value| self.value(&value)),
            },
            _ => true,
        })
    }

    /// Each variable that is returned: all that it is given, with no mention of it that is anything
    /// else.
    fn variables(&mut self) -> bool {
        let mut done = 0;
        while let Some((name, _)) = self.seen.get(done).cloned() {
            let mut uses = UseCounts::default();
            if !self.given(self.body, &name, &mut uses) {
                return false;
            }
            done += 1;
            // A value may have led to this variable once more.
            let returned = self.seen.get(done - 1).map_or(0, |(_, times)| *times);
            if uses.lets == 0 || uses.others != returned {
                return false;
            }
        }
        true
    }

    /// Reads what `name` is given in `tokens`; false if one of the values is not understood.
    fn given(&mut self, tokens: &TokenStream, name: &Ident, uses: &mut UseCounts) -> bool {
        let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let mut exhaustive = true;
        for (at, tree) in trees.iter().enumerate() {
            match tree {
                TokenTree::Group(group) => exhaustive &= self.given(&group.stream(), name, uses),
                TokenTree::Ident(ident) if ident == name => match giving(&trees, at) {
                    Binding::Let(from) => {
                        uses.lets += 1;
                        let local = first::<OneLocal>(&trees, from);
                        exhaustive &= local.is_some_and(|OneLocal(local)| match &local.init {
                            Some(init) => init.diverge.is_none() && self.value(&init.expr),
                            None => true,
                        });
                    }
                    // Before the variable there is another one of its name: a parameter.
                    _ if uses.lets == 0 => return false,
                    Binding::Assignment(from) => {
                        exhaustive &= first::<Expr>(&trees, from).is_some_and(|value| self.value(&value));
                    }
                    Binding::None => uses.others += 1,
                },
                _ => {}
            }
        }
        exhaustive
    }

    /// The last of these statements gives a state that is written out, or gives none.
    fn tail(&mut self, stmts: &[Stmt]) -> bool {
        match stmts.last() {
            Some(Stmt::Expr(value, None)) => self.value(value),
            Some(Stmt::Macro(last)) if last.semi_token.is_none() => never(&last.mac.path),
            // Then it gives `()`, or does not come so far.
            _ => true,
        }
    }

    /// The value is a state that is written out, or there is none.
    fn value(&mut self, value: &Expr) -> bool {
        match value {
            Expr::Paren(inner) => self.value(&inner.expr),
            Expr::Group(inner) => self.value(&inner.expr),
            Expr::Block(inner) => inner.label.is_none() && self.tail(&inner.block.stmts),
            Expr::Unsafe(inner) => self.tail(&inner.block.stmts),
            Expr::If(inner) => {
                let otherwise = inner.else_branch.as_ref().is_none_or(|(_, value)| self.value(value));
                otherwise && self.tail(&inner.then_branch.stmts)
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
            // Values of `return` are read where they stand.
            Expr::Return(_) | Expr::Continue(_) => true,
            Expr::Break(inner) => inner.expr.is_none() && inner.label.is_none(),
            Expr::Loop(inner) => !breaks(&quote::ToTokens::to_token_stream(&inner.body)),
            Expr::Macro(inner) => never(&inner.mac.path),
            _ => false,
        }
    }

    /// `States::Variant`, however the enum is reached.
    fn is_variant(&self, path: &Path) -> bool {
        let mut names = path.segments.iter().rev().map(|segment| &segment.ident);
        names.next().is_some_and(|last| self.variants.contains(last))
            && names.next().is_some_and(|of| of == self.states)
    }

    /// A plain name: whether it is a variable, and of what value, is seen later.
    fn variable(&mut self, path: &Path) -> bool {
        let Some(name) = path.get_ident() else { return false };
        match self.seen.iter_mut().find(|(seen, _)| seen == name) {
            Some((_, times)) => *times += 1,
            None => self.seen.push((name.clone(), 1)),
        }
        true
    }
}

/// How a variable's name is used.
#[derive(Default)]
struct UseCounts {
    lets: usize,
    others: usize,
}

/// What the name at a place is there for.
enum Binding {
    /// `let name`; the place is that of `let`.
    Let(usize),
    /// `name = value`; the place is that of the value.
    Assignment(usize),
    None,
}

fn giving(trees: &[TokenTree], at: usize) -> Binding {
    let word = |back: usize, name: &str| matches!(at.checked_sub(back).and_then(|at| trees.get(at)), Some(TokenTree::Ident(ident)) if ident == name);
    let mark = |at: usize, is: fn(char) -> bool| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if is(punct.as_char()));
    let begins = match at.checked_sub(1).and_then(|at| trees.get(at)) {
        None => true,
        Some(TokenTree::Punct(punct)) => matches!(punct.as_char(), ';' | '>'),
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        Some(_) => false,
    };
    let equals = mark(at + 1, |c| c == '=') && !mark(at + 2, |c| matches!(c, '=' | '>'));
    let let_ = match () {
        () if word(1, "let") => Some(1),
        () if word(1, "mut") && word(2, "let") => Some(2),
        () => None,
    };
    // `if let name = ..` and its like are patterns.
    let dedup_name = |back: usize| {
        let before = at.checked_sub(back + 1).and_then(|at| trees.get(at));
        !matches!(before, Some(TokenTree::Ident(_)))
            && !matches!(before, Some(TokenTree::Punct(punct)) if punct.as_char() == '&')
    };
    match let_ {
        Some(back) if dedup_name(back) => Binding::Let(at - back),
        None if begins && equals => Binding::Assignment(at + 2),
        _ => Binding::None,
    }
}

/// `let` of a plain name.
struct OneLocal(Local);

impl Parse for OneLocal {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let is_name = |pat: &Pat| match pat {
            Pat::Ident(pat) => pat.by_ref.is_none() && pat.subpat.is_none(),
            _ => false,
        };
        match input.parse()? {
            Stmt::Local(local) => {
                let plain = match &local.pat {
                    Pat::Type(typed) => is_name(&typed.pat),
                    pat => is_name(pat),
                };
                if plain { Ok(OneLocal(local)) } else { Err(input.error("not a plain name")) }
            }
            _ => Err(input.error("not a `let`")),
        }
    }
}

/// The syntax that starts at a place, whatever comes after it.
fn first<T: Parse>(trees: &[TokenTree], from: usize) -> Option<T> {
    let tokens: TokenStream = trees.get(from..)?.iter().cloned().collect();
    let read = |input: ParseStream<'_>| {
        let found = input.parse::<T>()?;
        input.parse::<TokenStream>()?;
        Ok(found)
    };
    read.parse2(tokens).ok()
}

/// `Variant` of `::Variant` or `::<T>::Variant`.
fn behind_colons(trees: &[TokenTree]) -> Option<&Ident> {
    let colon = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ':');
    match trees {
        [one, two, TokenTree::Ident(name), ..] if colon(one) && colon(two) => Some(name),
        [one, two, TokenTree::Punct(open), rest @ ..]
            if colon(one) && colon(two) && open.as_char() == '<' =>
        {
            let mut depth = 1_usize;
            let end = rest.iter().position(|tree| {
                match tree {
                    TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
                    TokenTree::Punct(punct) if punct.as_char() == '>' => depth -= 1,
                    _ => {}
                }
                depth == 0
            })?;
            behind_colons(rest.get(end + 1..)?)
        }
        _ => None,
    }
}

/// The path's last name; `Ok` of `Result::Ok`.
fn is(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|last| last.ident == name)
}

fn never(path: &Path) -> bool {
    NEVER.iter().any(|name| is(path, name))
}

/// A `break` anywhere: that of an inner loop counts as well.
fn breaks(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == "break",
        TokenTree::Group(group) => breaks(&group.stream()),
        _ => false,
    })
}

/// Every macro that is called is one of [`MACROS`].
fn plain_macros(tokens: &TokenStream) -> bool {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    trees.iter().enumerate().all(|(at, tree)| match tree {
        TokenTree::Group(group) => {
            let behind = match trees.get(..at) {
                Some([.., TokenTree::Ident(name), TokenTree::Punct(mark)]) if mark.as_char() == '!' => {
                    Some(name)
                }
                _ => None,
            };
            let known = |name: &Ident| {
                let name = name.unraw();
                MACROS.split_whitespace().any(|known| name == known) || is_keyword(&name)
            };
            behind.is_none_or(known) && plain_macros(&group.stream())
        }
        _ => true,
    })
}

/// What `!(..)` may follow.
fn is_keyword(name: &Ident) -> bool {
    ["if", "while", "match", "return", "in", "break"].iter().any(|keyword| name == keyword)
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
    fn what_is_named_is_found_in_any_depth() {
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
    fn what_is_written_out_is_understood() {
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
    fn what_comes_from_elsewhere_is_not() {
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
