//! Assignments to the fields of a service, which is shared.

use super::Misuse;
use crate::tokens::{Walk, is_ident, is_punct, walk};
use proc_macro2::{TokenStream, TokenTree};

/// Each `self.field = ..` and `self.field += ..`.
pub(super) fn find(body: TokenStream) -> Vec<Misuse> {
    let mut found = Vec::new();
    walk(body, &mut |site| {
        if site.is_foreign() {
            return Walk::Skip;
        }
        if is_ident(site.tree(), "self") {
            let end = last_of_field(site.trees, site.at);
            if end > site.at && is_assignment(site.trees.get(end + 1..).unwrap_or_default()) {
                let target = site.trees.get(site.at..=end).unwrap_or_default();
                found.push(Misuse::FieldAssigned(target.iter().cloned().collect()));
            }
        }
        Walk::Enter
    });
    found
}

/// The position of the last token of `self.a.b`, whose `self` is at `at`.
fn last_of_field(trees: &[TokenTree], at: usize) -> usize {
    let mut end = at;
    while let Some([dot, field, ..]) = trees.get(end + 1..) {
        let is_field = match field {
            TokenTree::Ident(name) => name != "await",
            TokenTree::Literal(_) => true,
            _ => false,
        };
        if !is_punct(Some(dot), '.') || !is_field {
            break;
        }
        end += 2;
    }
    end
}

/// Whether the tokens begin with `=` or `+=`, and not with `==` or `=>`.
fn is_assignment(trees: &[TokenTree]) -> bool {
    let operator: String = trees
        .iter()
        .map_while(|tree| match tree {
            TokenTree::Punct(punct) => Some(punct.as_char()),
            _ => None,
        })
        .take(3)
        .collect();
    let compound = ["+=", "-=", "*=", "/=", "%=", "^=", "|=", "<<=", ">>="];
    let plain = operator.starts_with('=') && !operator.starts_with("==") && !operator.starts_with("=>");
    plain || compound.iter().any(|compound| operator.starts_with(compound)) || operator.starts_with("&=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_assigned_to() {
        let count = |text: &str| find(text.parse().expect(text)).len();
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
}
