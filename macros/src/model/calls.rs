//! Calls on `self` that can't be meant: the block's own methods are known, so a wrong call of one is found in the tokens.
//!
//! A finding is made only where the compiler would refuse the program too, in words that don't mention the block.

use super::{
    Loan, Method, Misreading, Param, Receiver, Role, loan,
    misread::{is_of_macro, mentions},
};
use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use std::ops::Range;
use syn::{Type, ext::IdentExt};

/// A method of the block that a call on `self` may name.
pub(super) struct Known {
    name: Ident,
    kind: Kind,
}

enum Kind {
    /// A handler or a hook: its future borrows the service.
    Handler,
    /// An `async fn` whose future owns what it uses.
    Helper,
    /// An `async fn` that borrows an argument: which one, and what would own it.
    Borrowing { param: Option<String> },
    /// `#[blocking]`
    Job { args: usize },
    /// A plain function with a worker, and how many arguments it takes besides.
    TakesWorker { args: usize },
}

/// Where a body runs.
pub(super) enum Place<'a> {
    Loop,
    Thread { worker: Option<&'a Ident> },
    Unknown,
}

impl Known {
    /// None for what the compiler alone can judge.
    pub(super) fn of(method: &Method) -> Option<Self> {
        let function = &method.function;
        let lends = matches!(function.receiver, Receiver::Shared(_) | Receiver::Arc(_));
        if !lends
            || function.receiver.lifetime().is_some()
            || function.half.is_some()
            || method.is_conditional()
        {
            return None;
        }
        let is_async = function.sig.asyncness.is_some();
        let kind = match &method.role {
            Role::Blocking(blocking) => Kind::Job { args: blocking.args.len() },
            Role::Helper => Kind::Helper,
            Role::Handler(_) | Role::Move(_) | Role::Around(_) | Role::Hook(_) if is_async => Kind::Handler,
            Role::Plain if is_async => Kind::Borrowing { param: borrowed(&function.params)? },
            Role::Plain => match function.params.as_slice() {
                [worker, rest @ ..] if worker.is_named("Worker") => Kind::TakesWorker { args: rest.len() },
                _ => return None,
            },
            _ => return None,
        };
        Some(Known { name: function.sig.ident.clone(), kind })
    }

    /// How its value is had where the call stands; none if that is what the call gives.
    fn is_future(&self) -> bool {
        !matches!(self.kind, Kind::TakesWorker { .. })
    }
}

/// The first argument that is borrowed, as it would be owned. None if something else keeps the function from being a helper: a
/// `cfg` on a parameter, or an `impl Trait`.
fn borrowed(params: &[Param]) -> Option<Option<String>> {
    if params.iter().any(|param| param.cfg().is_some()) {
        return None;
    }
    let loans = params.iter().filter_map(|param| Some((param, loan::find(&param.written.ty)?)));
    let (param, loan) = loans.into_iter().find(|(_, loan)| !matches!(loan, Loan::Opaque(_)))?;
    let owned = match loan {
        Loan::Reference(reference) => owned_form(&reference.elem),
        _ => None,
    };
    Some(param.name().zip(owned).map(|(name, owned)| format!("`{name}: {owned}`")))
}

/// The std type that owns what a reference to `ty` borrows.
pub(crate) fn owned_form(ty: &Type) -> Option<String> {
    match ty {
        Type::Slice(slice) => Some(format!("Vec<{}>", crate::source::of(&slice.elem))),
        Type::Path(path) => match path.path.get_ident()?.to_string().as_str() {
            "str" => Some("String".to_owned()),
            "Path" => Some("PathBuf".to_owned()),
            "OsStr" => Some("OsString".to_owned()),
            "CStr" => Some("CString".to_owned()),
            _ => None,
        },
        _ => None,
    }
}

/// Every call in `body` that can't be meant.
pub(super) fn find(body: TokenStream, place: &Place<'_>, known: &[Known]) -> Vec<Misreading> {
    let mut scan = Scan { place, known, found: Vec::new() };
    scan.level(body, Around::default());
    scan.found
}

/// What the tokens stand in.
#[derive(Clone, Copy, Default)]
struct Around {
    closure: bool,
    future: bool,
}

struct Scan<'a> {
    place: &'a Place<'a>,
    known: &'a [Known],
    found: Vec<Misreading>,
}

impl Scan<'_> {
    fn level(&mut self, tokens: TokenStream, around: Around) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let closures = closures(&trees);
        // A nested `impl` or `trait` has a `self` of its own.
        let mut foreign = false;
        for (at, tree) in trees.iter().enumerate() {
            let in_closure = around.closure || closures.iter().any(|closure| closure.contains(&at));
            match tree {
                TokenTree::Ident(word) if word == "impl" || word == "trait" => foreign = true,
                TokenTree::Group(group) if foreign && group.delimiter() == Delimiter::Brace => {
                    foreign = false
                }
                TokenTree::Group(group) if !is_of_macro(&trees, at) => {
                    let around =
                        Around { closure: in_closure, future: around.future || is_async(&trees, at) };
                    if let Some(call) = Call::at(&trees, at) {
                        self.call(&call, around);
                    }
                    if let Place::Thread { worker: Some(worker) } = self.place {
                        self.closure_of_call(&trees, at, group, worker);
                    }
                    self.level(group.stream(), around);
                }
                _ => {}
            }
        }
    }

    fn call(&mut self, call: &Call<'_>, around: Around) {
        if let (Place::Loop, false) = (self.place, around.closure) {
            self.twin(call);
        }
        let Some(known) = self.known.iter().find(|known| known.name == *call.name) else { return };
        let name = call.name.clone();
        if let (Kind::TakesWorker { args }, Place::Loop) = (&known.kind, self.place) {
            if call.arguments() == Some(*args) {
                self.found.push(Misreading::LacksBlocking(name));
            }
            return;
        }
        match (self.place, call.waited()) {
            _ if !known.is_future() => {}
            (Place::Loop, Some((at, arguments))) if arguments.stream().is_empty() => {
                self.found.push(Misreading::Waited(at));
            }
            (Place::Thread { .. }, Some((at, arguments)))
                if arguments.stream().is_empty() && !around.future =>
            {
                self.found.push(Misreading::WaitedAlone(at));
            }
            (Place::Thread { .. }, Some(_)) => match &known.kind {
                Kind::Handler => self.found.push(Misreading::HandlerWaited(name)),
                Kind::Borrowing { param } => {
                    self.found.push(Misreading::BorrowWaited { name, owned: param.clone() });
                }
                _ => {}
            },
            (Place::Loop, None) if call.is_operand() => {
                let is_job = matches!(known.kind, Kind::Job { .. });
                self.found.push(Misreading::Unawaited { name, is_job });
            }
            (Place::Thread { .. }, None) if call.is_operand() && !around.future => {
                let is_job = matches!(known.kind, Kind::Job { .. });
                self.found.push(Misreading::Unwaited { name, is_job });
            }
            _ => {}
        }
    }

    /// `self.blocking_f(..)` on the loop, without a worker or with one that the service keeps.
    fn twin(&mut self, call: &Call<'_>) {
        let name = call.name.unraw().to_string();
        let Some(own) = name.strip_prefix("blocking_") else { return };
        let job = self.known.iter().find_map(|known| match known.kind {
            Kind::Job { args } if known.name.unraw() == own => Some(args),
            _ => None,
        });
        let Some(args) = job else { return };
        let trees: Vec<TokenTree> = call.group.stream().into_iter().collect();
        let of_self = match trees.as_slice() {
            [TokenTree::Ident(first), TokenTree::Punct(dot), ..] => first == "self" && dot.as_char() == '.',
            [TokenTree::Punct(and), TokenTree::Ident(first), ..] => and.as_char() == '&' && first == "self",
            _ => false,
        };
        let lacks_it = call.arguments() == Some(args) && !mentions(call.group.stream(), "worker");
        if lacks_it || (of_self && call.arguments() == Some(args + 1)) {
            let at = call.name.to_token_stream();
            self.found.push(Misreading::Blocked { at, name: format!("self.{own}") });
        }
    }

    /// `worker.call(|| self.f(..))`, where `f` is async: what comes back is its future.
    fn closure_of_call(&mut self, trees: &[TokenTree], at: usize, group: &Group, worker: &Ident) {
        let [.., TokenTree::Ident(of), TokenTree::Punct(dot), TokenTree::Ident(method)] =
            trees.get(..at).unwrap_or_default()
        else {
            return;
        };
        if of != worker || dot.as_char() != '.' || method != "call" {
            return;
        }
        if let Some(name) = only_call(group.stream()) {
            let known = self.known.iter().find(|known| known.name == name);
            if known.is_some_and(Known::is_future) {
                self.found.push(Misreading::Called(name));
            }
        }
    }
}

/// `name` of `[move] || self.name(..)`, and nothing else.
pub(super) fn only_call(tokens: TokenStream) -> Option<Ident> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let rest = match trees.as_slice() {
        [TokenTree::Ident(first), rest @ ..] if first == "move" => rest,
        rest => rest,
    };
    match rest {
        [
            TokenTree::Punct(one),
            TokenTree::Punct(two),
            TokenTree::Ident(own),
            TokenTree::Punct(dot),
            TokenTree::Ident(name),
            TokenTree::Group(arguments),
        ] if one.as_char() == '|'
            && two.as_char() == '|'
            && own == "self"
            && dot.as_char() == '.'
            && arguments.delimiter() == Delimiter::Parenthesis =>
        {
            Some(name.clone())
        }
        _ => None,
    }
}

/// `self.name(..)`
struct Call<'a> {
    before: &'a [TokenTree],
    name: &'a Ident,
    group: &'a Group,
    after: &'a [TokenTree],
}

impl<'a> Call<'a> {
    /// The call whose arguments are at `at`.
    fn at(trees: &'a [TokenTree], at: usize) -> Option<Self> {
        let (Some(TokenTree::Group(group)), Some(earlier)) = (trees.get(at), trees.get(..at)) else {
            return None;
        };
        match earlier {
            [before @ .., TokenTree::Ident(own), TokenTree::Punct(dot), TokenTree::Ident(name)]
                if own == "self" && dot.as_char() == '.' && group.delimiter() == Delimiter::Parenthesis =>
            {
                Some(Call { before, name, group, after: trees.get(at + 1..).unwrap_or_default() })
            }
            _ => None,
        }
    }

    /// How many arguments there are, unless a comma may be of something else.
    fn arguments(&self) -> Option<usize> {
        let trees: Vec<TokenTree> = self.group.stream().into_iter().collect();
        let is = |tree: &TokenTree, marks: &str| matches!(tree, TokenTree::Punct(punct) if marks.contains(punct.as_char()));
        let clear = !trees.iter().any(|tree| is(tree, "|<"));
        clear.then(|| trees.split(|tree| is(tree, ",")).filter(|argument| !argument.is_empty()).count())
    }

    /// `wait(..)` behind it, and its arguments.
    fn waited(&self) -> Option<(TokenStream, &'a Group)> {
        match self.after {
            [TokenTree::Punct(dot), TokenTree::Ident(wait), TokenTree::Group(arguments), ..]
                if dot.as_char() == '.'
                    && wait == "wait"
                    && arguments.delimiter() == Delimiter::Parenthesis =>
            {
                let whole = [TokenTree::Ident(wait.clone()), TokenTree::Group(arguments.clone())];
                Some((whole.into_iter().collect(), arguments))
            }
            _ => None,
        }
    }

    /// It is calculated with, compared, or is a condition.
    fn is_operand(&self) -> bool {
        let mark = |tree: Option<&TokenTree>| match tree {
            Some(TokenTree::Punct(punct)) => Some(punct.as_char()),
            _ => None,
        };
        // `.await`, `?`, a method of the future
        if matches!(mark(self.after.first()), Some('.' | '?')) {
            return false;
        }
        let last = |back: usize| mark(self.before.len().checked_sub(back).and_then(|at| self.before.get(at)));
        let before = matches!(
            (last(2), last(1)),
            (Some('+' | '-' | '*' | '/' | '%' | '=' | '!'), Some('=')) | (_, Some('+' | '-' | '/' | '%'))
        );
        let condition = matches!(self.before.last(), Some(TokenTree::Ident(word)) if word == "if" || word == "while")
            && matches!(self.after.first(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
        let after = matches!(
            (mark(self.after.first()), mark(self.after.get(1))),
            (Some('=' | '!'), Some('=')) | (Some('+' | '-' | '*' | '/' | '%' | '<' | '>'), _)
        );
        before || condition || after
    }
}

/// `async { .. }`, `async move { .. }`: the braces are at `at`.
pub(super) fn is_async(trees: &[TokenTree], at: usize) -> bool {
    let is_braces =
        matches!(trees.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
    is_braces
        && match trees.get(..at).unwrap_or_default() {
            [.., TokenTree::Ident(word)] if word == "async" => true,
            [.., TokenTree::Ident(word), TokenTree::Ident(moved)] => word == "async" && moved == "move",
            _ => false,
        }
}

/// The closures of one level: from the first `|` to the end of the body.
pub(super) fn closures(trees: &[TokenTree]) -> Vec<Range<usize>> {
    let is = |at: usize, mark: char| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == mark);
    let mut found = Vec::new();
    let mut at = 0;
    while at < trees.len() {
        let begins = match at.checked_sub(1).and_then(|before| trees.get(before)) {
            None => true,
            Some(TokenTree::Punct(punct)) => !matches!(punct.as_char(), '|' | '?' | '\''),
            Some(TokenTree::Ident(word)) => {
                ["move", "return", "break", "async", "else", "in"].iter().any(|keyword| word == keyword)
            }
            Some(_) => false,
        };
        let closes = (at + 1..trees.len()).find(|close| is(*close, '|'));
        match closes.filter(|_| begins && is(at, '|')) {
            Some(body) => {
                let is_braces = |at: usize| matches!(trees.get(at), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
                let end = if is(body + 1, '-') && is(body + 2, '>') {
                    // Behind a result type there are braces, and commas in front of them are the type's.
                    (body + 3..trees.len()).find(|end| is_braces(*end)).map(|braces| braces + 1)
                } else {
                    (body + 1..trees.len()).find(|end| is(*end, ',') || is(*end, ';'))
                };
                let end = end.unwrap_or(trees.len());
                found.push(at..end);
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

/// `self.field = ..` and `self.field += ..`: the service is behind a shared reference.
pub(super) fn assigned(body: TokenStream) -> Vec<Misreading> {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let mut found = Vec::new();
    let mut foreign = false;
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Ident(word) if word == "impl" || word == "trait" => foreign = true,
            TokenTree::Group(group) if foreign && group.delimiter() == Delimiter::Brace => foreign = false,
            TokenTree::Group(group) if !is_of_macro(&trees, at) => found.extend(assigned(group.stream())),
            TokenTree::Ident(own) if own == "self" => {
                let end = fields(&trees, at);
                if end > at && assigns(trees.get(end + 1..).unwrap_or_default()) {
                    let target = trees.get(at..=end).unwrap_or_default();
                    found.push(Misreading::Assigned(target.iter().cloned().collect()));
                }
            }
            _ => {}
        }
    }
    found
}

/// The last token of `self.a.b`; `at` is that of `self`.
fn fields(trees: &[TokenTree], at: usize) -> usize {
    let mut end = at;
    while let Some([TokenTree::Punct(dot), field, ..]) = trees.get(end + 1..) {
        let is_field = match field {
            TokenTree::Ident(name) => name != "await",
            TokenTree::Literal(_) => true,
            _ => false,
        };
        if dot.as_char() != '.' || !is_field {
            break;
        }
        end += 2;
    }
    end
}

/// `= ..` or `+= ..`, and neither `== ..` nor `=> ..`.
fn assigns(trees: &[TokenTree]) -> bool {
    let marks: String = trees
        .iter()
        .map_while(|tree| match tree {
            TokenTree::Punct(punct) => Some(punct.as_char()),
            _ => None,
        })
        .take(3)
        .collect();
    let compound = ["+=", "-=", "*=", "/=", "%=", "^=", "|=", "<<=", ">>="];
    let plain = marks.starts_with('=') && !marks.starts_with("==") && !marks.starts_with("=>");
    plain || compound.iter().any(|operator| marks.starts_with(operator)) || marks.starts_with("&=")
}

/// The worker in an `async` block that is waited for or spawned: it would leave its thread.
pub(super) fn sent(body: TokenStream, worker: &Ident) -> Vec<Misreading> {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let mut found = Vec::new();
    for (at, tree) in trees.iter().enumerate() {
        let TokenTree::Group(group) = tree else { continue };
        if is_of_macro(&trees, at) {
            continue;
        }
        let before = trees.get(..at).unwrap_or_default();
        let waited = is_async(&trees, at)
            && matches!(trees.get(at + 1..), Some([TokenTree::Punct(dot), TokenTree::Ident(wait), ..]) if dot.as_char() == '.' && wait == "wait");
        let spawned = matches!(
            before,
            [.., TokenTree::Ident(of), TokenTree::Punct(dot), TokenTree::Ident(spawn)]
                if of == worker && dot.as_char() == '.' && spawn == "spawn"
        ) && matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(word)) if word == "async");
        match (waited || spawned).then(|| used(&group.stream(), worker)).flatten() {
            Some(place) => found.push(Misreading::WorkerSent(place)),
            None => found.extend(sent(group.stream(), worker)),
        }
    }
    found
}

/// Where the worker is mentioned; none where the name may be something else's.
fn used(tokens: &TokenStream, worker: &Ident) -> Option<Ident> {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut found = None;
    for (at, tree) in trees.iter().enumerate() {
        match tree {
            TokenTree::Ident(name) if name == worker => {
                let bound = at.checked_sub(1).and_then(|before| trees.get(before));
                let is_bound = match bound {
                    Some(TokenTree::Ident(word)) => word == "let" || word == "mut" || word == "ref",
                    Some(TokenTree::Punct(mark)) => matches!(mark.as_char(), '|' | '.' | ':'),
                    _ => false,
                };
                let is_typed = matches!(trees.get(at + 1), Some(TokenTree::Punct(mark)) if matches!(mark.as_char(), '|' | ':' | '='));
                if is_bound || is_typed {
                    return None;
                }
                found = found.or_else(|| Some(name.clone()));
            }
            TokenTree::Group(group) if !is_of_macro(&trees, at) => {
                found = found.or_else(|| used(&group.stream(), worker));
            }
            _ => {}
        }
    }
    found
}

/// The `?` of `.wait(worker)?`, `worker.check()?` and `worker.sleep(..)?` in the function itself.
pub(super) fn propagated(body: TokenStream, worker: &Ident) -> Vec<Misreading> {
    let trees: Vec<TokenTree> = body.into_iter().collect();
    let closures = closures(&trees);
    let mut found = Vec::new();
    for (at, tree) in trees.iter().enumerate() {
        let TokenTree::Group(group) = tree else { continue };
        // What `?` leaves here may be something else's.
        let before = trees.get(..at).unwrap_or_default();
        let is_item = before.iter().any(|tree| matches!(tree, TokenTree::Ident(word) if ["fn", "impl", "trait", "mod"].iter().any(|item| word == item)));
        if is_of_macro(&trees, at)
            || is_async(&trees, at)
            || is_item
            || closures.iter().any(|closure| closure.contains(&at))
            || matches!(before, [.., TokenTree::Ident(word)] if word == "try")
        {
            continue;
        }
        let of_worker = match before {
            [.., TokenTree::Punct(dot), TokenTree::Ident(wait)] if dot.as_char() == '.' && wait == "wait" => {
                *worker == group.stream().to_string()
            }
            [.., TokenTree::Ident(of), TokenTree::Punct(dot), TokenTree::Ident(method)] => {
                of == worker && dot.as_char() == '.' && (method == "check" || method == "sleep")
            }
            _ => false,
        };
        match trees.get(at + 1) {
            Some(TokenTree::Punct(mark)) if of_worker && mark.as_char() == '?' => {
                found.push(Misreading::Propagated(mark.to_token_stream()));
            }
            _ => found.extend(propagated(group.stream(), worker)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::format_ident;

    fn known() -> Vec<Known> {
        let known = |name: &str, kind: Kind| Known { name: format_ident!("{name}"), kind };
        vec![
            known("handler", Kind::Handler),
            known("helper", Kind::Helper),
            known("lends", Kind::Borrowing { param: None }),
            known("job", Kind::Job { args: 1 }),
            known("plain", Kind::TakesWorker { args: 1 }),
        ]
    }

    fn on_the_loop(text: &str) -> usize {
        find(text.parse().expect(text), &Place::Loop, &known()).len()
    }

    fn on_a_thread(text: &str) -> usize {
        let worker = format_ident!("worker");
        find(text.parse().expect(text), &Place::Thread { worker: Some(&worker) }, &known()).len()
    }

    #[test]
    fn what_the_loop_cannot_mean() {
        for text in [
            "self.blocking_job(1)",
            "self.blocking_job(&self.worker, 1)",
            "self.job(1).wait()?",
            "let f = |n| self.job(n).wait();",
            "self.helper().wait()",
            "self.plain(1).await?",
            "n += self.job(1);",
            "self.job(1) + 1",
            "if self.job(1) { a }",
            "if n == self.helper() { a }",
        ] {
            assert_eq!(on_the_loop(text), 1, "{text}");
        }
        for text in [
            "n += self.job(1).await?;",
            "1 + self.job(1).await? + self.helper().await",
            "let f: Offload<u8> = self.job(1);",
            "if self.job(1).await? { a }",
            "pool.run(move |worker| self.blocking_job(worker, 1))",
            "pool.run(move |w| self.blocking_job(w, 1))",
            "self.blocking_other(1)",
            "self.job(1)",
            "self.plain(worker, 1)",
            "self.other(1) + 1",
            "let f = |n| self.job(n);",
            "match n { 1 => self.job(1), _ => self.job(2) }",
            "&self.job(1)",
            "(self.job(1), self.helper())",
            "select! { n = self.job(1) => n + self.job(2) }",
            "impl X for Y { fn f(&self) { self.job(1) + 1; } }",
            "child.wait()",
            "self.child.wait()",
        ] {
            assert_eq!(on_the_loop(text), 0, "{text}");
        }
    }

    #[test]
    fn what_a_thread_cannot_mean() {
        for text in [
            "self.job(1).wait()?",
            "self.handler(1).wait(worker)?",
            "list.map(|n| self.lends(&n).wait(worker))",
            "n += self.job(1);",
            "worker.call(|| self.helper())?",
            "worker.call(move || self.job(1))?",
        ] {
            assert_eq!(on_a_thread(text), 1, "{text}");
        }
        for text in [
            "n += self.job(1).wait(worker)?;",
            "self.helper().wait(worker)?",
            "async { self.handler(1).await }",
            "Box::pin(self.handler(1))",
            "worker.call(|| self.other())?",
            "worker.call(|| 1)?",
            "other.call(|| self.helper())?",
            "self.blocking_job(worker, 1) + 1",
        ] {
            assert_eq!(on_a_thread(text), 0, "{text}");
        }
    }

    #[test]
    fn fields_that_are_assigned_to() {
        let count = |text: &str| assigned(text.parse().expect(text)).len();
        for text in ["self.n = 1;", "self.n += 1;", "self.a.b <<= 1", "self.0 &= m", "if a { self.n -= 1 }"] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "self.n == 1",
            "self.n <= 1",
            "self.n >= 1",
            "self.n != 1",
            "self.n && b",
            "self.n & m",
            "match a { b if self.n => 1 }",
            "let n = self.n;",
            "*self.n.lock() = 1",
            "self.list[0] = 1",
            "self.f().n = 1",
            "info!(self.n = 1)",
            "self.f(|s| s.n = 1)",
            "impl X { fn f(&mut self) { self.n = 1; } }",
            "other.self_n = 1",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }

    #[test]
    fn workers_that_leave_their_thread() {
        let worker = format_ident!("worker");
        let count = |text: &str| sent(text.parse().expect(text), &worker).len();
        for text in [
            "async { worker.check()?; }.wait(worker)?",
            "worker.spawn(async move { worker.check() });",
            "f(async { self.other(worker, 1) }.wait(worker))",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "block_on(async { worker.check() })",
            "async { f().await }.wait(worker)",
            "async { pool.run(|worker| worker.check()).await }.wait(worker)",
            "async { let worker = 1; worker + 1 }.wait(worker)",
            "async { self.worker.name() }.wait(worker)",
            "worker.spawn(self.f())",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }

    #[test]
    fn questions_that_have_no_answer() {
        let worker = format_ident!("worker");
        let count = |text: &str| propagated(text.parse().expect(text), &worker).len();
        for text in ["f().wait(worker)?;", "for a in b { worker.check()?; }", "g(worker.sleep(d)?)"] {
            assert_eq!(count(text), 1, "{text}");
        }
        for text in [
            "f().wait(worker).unwrap()",
            "let f = || { worker.check()?; Ok(1) };",
            "let f = |n: u8| -> Result<u8, Interrupted> { Ok(f().wait(worker)?) };",
            "list.map(|n| f(n).wait(worker)?)",
            "async { g(worker.check()?) }",
            "fn f(worker: &Worker) -> R { worker.check()?; } f(worker)",
            "child.wait(other)?",
            "try { worker.check()?; }",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
