//! The expressions of `#[blocking(..)]` and of time limits of states. They read the arguments or
//! the data, and must not move them, because the job or the handler takes them afterwards.
//!
//! If an expression uses the value of an argument, or of a field or element of one, it gets a copy
//! if the type is `Copy`, and a reference otherwise. The field of a struct gets what fits its type:
//!
//! ```text
//! lane = (tenant, id)        (argument(&tenant).read(), argument(&id).read())
//! lane = Key { tenant }      Key { tenant: FillsField::fill(&tenant) }
//! pool = pick(&self.pools, tenant)
//! ```
//!
//! Operands of `&`, of comparisons and of method calls are borrowed anyway, and stay as they are
//! written. The arguments of macros stay too.

use crate::expand::span::at;
use crate::{model::Param, tokens::mentions};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{
    BinOp, Block, Expr, ExprBinary, ExprCall, ExprIf, ExprMatch, ExprMethodCall, ExprParen, ExprStruct,
    Member, Pat, Path, Stmt, UnOp, token,
};

/// The expression in a form that moves no argument. It is used by reference, or is `Copy`.
pub(super) fn reading(expr: &Expr, args: &[Param], krate: &Path) -> Expr {
    let mut expr = expr.clone();
    Reader::new(args, krate).place(&mut expr);
    expr
}

/// As [`reading`], for an expression whose value is used, and where these names are references to
/// what they stand for.
pub(in crate::expand) fn reading_references(expr: &Expr, data: &[Param], krate: &Path) -> Expr {
    let mut expr = expr.clone();
    Reader { are_references: true, ..Reader::new(data, krate) }.value(&mut expr);
    expr
}

#[derive(Clone)]
struct Reader<'a> {
    names: Vec<&'a Ident>,
    /// The names are references to the arguments.
    are_references: bool,
    krate: &'a Path,
}

impl<'a> Reader<'a> {
    fn new(args: &'a [Param], krate: &'a Path) -> Self {
        Reader { names: args.iter().filter_map(Param::ident).collect(), are_references: false, krate }
    }

    /// The reader inside of these patterns, which may hide arguments.
    fn without(&self, bound: &impl ToTokens) -> Self {
        let mut inner = self.clone();
        let bound = bound.to_token_stream();
        inner.names.retain(|name| !mentions(bound.clone(), *name));
        inner
    }

    /// An expression whose value is used.
    fn value(&self, expr: &mut Expr) {
        if self.is_read(expr) {
            self.place(expr);
            *expr = self.read(expr);
            return;
        }
        match expr {
            Expr::Path(_) | Expr::Lit(_) | Expr::Macro(_) | Expr::Try(_) | Expr::Await(_) => {}
            Expr::Reference(reference) => self.place(&mut reference.expr),
            Expr::Field(_) | Expr::Index(_) => self.place(expr),
            Expr::Paren(paren) => self.value(&mut paren.expr),
            Expr::Group(_) => {
                ungroup(expr);
                self.value(expr);
            }
            Expr::Unary(unary) => match unary.op {
                UnOp::Deref(_) => self.place(&mut unary.expr),
                _ => self.value(&mut unary.expr),
            },
            Expr::Cast(cast) => self.value(&mut cast.expr),
            Expr::Let(condition) => self.place(&mut condition.expr),
            Expr::Tuple(tuple) => tuple.elems.iter_mut().for_each(|elem| self.value(elem)),
            Expr::Array(array) => array.elems.iter_mut().for_each(|elem| self.value(elem)),
            Expr::Repeat(repeat) => self.value(&mut repeat.expr),
            Expr::Range(range) => {
                [&mut range.start, &mut range.end].into_iter().flatten().for_each(|end| self.value(end));
            }
            Expr::Binary(binary) => self.binary(binary),
            Expr::Call(call) => self.call(call),
            Expr::MethodCall(call) => self.method_call(call),
            Expr::Struct(written) => self.fields(written),
            Expr::If(written) => self.branches(written),
            Expr::Match(written) => self.arms(written),
            Expr::Block(written) => self.block(&mut written.block),
            Expr::Unsafe(written) => self.block(&mut written.block),
            Expr::Closure(closure) => self.without(&closure.inputs).value(&mut closure.body),
            Expr::Return(written) => written.expr.iter_mut().for_each(|expr| self.value(expr)),
            Expr::Break(written) => written.expr.iter_mut().for_each(|expr| self.value(expr)),
            _ => {}
        }
    }

    /// A place expression, which is borrowed at most. In `a.b[c]`, the value of `c` is used.
    fn place(&self, expr: &mut Expr) {
        match expr {
            Expr::Path(_) if self.are_references && self.is_argument(expr) => {
                *expr = Expr::Verbatim(quote_spanned!(at(expr)=> (*#expr)));
            }
            Expr::Path(_) => {}
            Expr::Paren(paren) => self.place(&mut paren.expr),
            Expr::Field(field) => self.place(&mut field.base),
            Expr::Index(index) => {
                self.place(&mut index.expr);
                self.value(&mut index.index);
            }
            Expr::Group(_) => {
                ungroup(expr);
                self.place(expr);
            }
            other => self.value(other),
        }
    }

    /// As `value`, for an expression whose type is known from its context.
    fn fill(&self, expr: &mut Expr) {
        if !self.is_read(expr) {
            return self.value(expr);
        }
        self.place(expr);
        let krate = self.krate;
        *expr = Expr::Verbatim(quote_spanned!(at(expr)=> #krate::__private::FillsField::fill(&#expr)));
    }

    fn read(&self, expr: &Expr) -> Expr {
        let krate = self.krate;
        Expr::Verbatim(quote_spanned!(at(expr)=> #krate::__private::argument(&#expr).read()))
    }

    /// Whether the expression is an argument, or a part of one or of `self`, which would move.
    fn is_read(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Field(_) | Expr::Index(_) => self.is_part(expr),
            _ => self.is_argument(expr),
        }
    }

    fn is_part(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Field(field) => self.is_part(&field.base),
            Expr::Index(index) => self.is_part(&index.expr),
            Expr::Path(path) if path.path.is_ident("self") => true,
            other => self.is_argument(other),
        }
    }

    fn is_argument(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Path(path) if path.qself.is_none() => {
                path.path.get_ident().is_some_and(|ident| self.names.contains(&ident))
            }
            Expr::Paren(paren) => self.is_argument(&paren.expr),
            Expr::Group(group) => self.is_argument(&group.expr),
            _ => false,
        }
    }

    fn binary(&self, binary: &mut ExprBinary) {
        let sides = [&mut *binary.left, &mut *binary.right];
        match binary.op {
            BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
                sides.into_iter().for_each(|side| self.place(side));
            }
            _ => sides.into_iter().for_each(|side| self.value(side)),
        }
    }

    fn call(&self, call: &mut ExprCall) {
        self.place(&mut call.func);
        let constructs = constructs(&call.func);
        for arg in &mut call.args {
            if constructs { self.fill(arg) } else { self.value(arg) }
        }
    }

    fn method_call(&self, call: &mut ExprMethodCall) {
        let name = call.method.to_string();
        let consumes = name == "into" || name.starts_with("into_");
        if consumes && self.is_read(&call.receiver) {
            self.place(&mut call.receiver);
            let receiver = &call.receiver;
            // `into_iter` works on a reference too. Other methods of the kind need a value.
            let borrowed = match &*name {
                "into_iter" => quote_spanned!(at(receiver)=> (&#receiver)),
                _ => quote_spanned!(at(receiver)=> ::core::clone::Clone::clone(&#receiver)),
            };
            *call.receiver = Expr::Verbatim(borrowed);
        } else {
            self.place(&mut call.receiver);
        }
        call.args.iter_mut().for_each(|arg| self.value(arg));
    }

    fn fields(&self, written: &mut ExprStruct) {
        for field in &mut written.fields {
            if self.is_read(&field.expr) && matches!(field.member, Member::Named(_)) {
                field.colon_token.get_or_insert(token::Colon(Span::mixed_site()));
            }
            self.fill(&mut field.expr);
        }
    }

    fn branches(&self, written: &mut ExprIf) {
        self.value(&mut written.cond);
        let inner = self.without(&Bound(&written.cond));
        inner.block(&mut written.then_branch);
        if let Some((_, otherwise)) = &mut written.else_branch {
            self.value(otherwise);
        }
    }

    fn arms(&self, written: &mut ExprMatch) {
        self.place(&mut written.expr);
        for arm in &mut written.arms {
            let inner = self.without(&arm.pat);
            inner.value(&mut arm.body);
        }
    }

    fn block(&self, block: &mut Block) {
        let mut inner = self.clone();
        for stmt in &mut block.stmts {
            match stmt {
                Stmt::Local(local) => {
                    if let Some(init) = &mut local.init {
                        match &local.pat {
                            Pat::Type(_) => inner.fill(&mut init.expr),
                            _ => inner.value(&mut init.expr),
                        }
                        if let Some((_, otherwise)) = &mut init.diverge {
                            inner.value(otherwise);
                        }
                    }
                    inner = inner.without(&local.pat);
                }
                Stmt::Expr(expr, _) => inner.value(expr),
                Stmt::Item(_) | Stmt::Macro(_) => {}
            }
        }
    }
}

/// The patterns of the `let`s in a condition.
struct Bound<'a>(&'a Expr);

impl ToTokens for Bound<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self.0 {
            Expr::Let(condition) => condition.pat.to_tokens(tokens),
            Expr::Binary(binary) => {
                Bound(&binary.left).to_tokens(tokens);
                Bound(&binary.right).to_tokens(tokens);
            }
            _ => {}
        }
    }
}

/// Whether this is a constructor such as `Key(..)` or `Key::Of(..)`, whose fields have known types.
/// Those of `Some(..)` and similar ones don't.
fn constructs(func: &Expr) -> bool {
    let Expr::Path(path) = func else { return false };
    path.path.segments.last().is_some_and(|last| {
        let name = last.ident.to_string();
        name.starts_with(char::is_uppercase)
            && !["Some", "Ok", "Err", "Reverse", "Wrapping"].contains(&&*name)
    })
}

/// The fragment of a `macro_rules` is one expression, whatever is around it. Parentheses tell that
/// to the compiler.
fn ungroup(expr: &mut Expr) {
    let Expr::Group(group) = expr else { return };
    let inner = group.expr.clone();
    *expr = match *inner {
        bare @ (Expr::Path(_) | Expr::Lit(_) | Expr::Group(_) | Expr::Paren(_)) => bare,
        other => Expr::Paren(ExprParen {
            attrs: Vec::new(),
            paren_token: token::Paren(Span::mixed_site()),
            expr: Box::new(other),
        }),
    };
}
