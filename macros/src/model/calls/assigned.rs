//! Assignments to the fields of a service, which is shared.

use crate::model::{Misuse, misuse::is_of_macro};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// `self.field = ..` and `self.field += ..`: the service is behind a shared reference.
pub(in crate::model) fn assigned(body: TokenStream) -> Vec<Misuse> {
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
                    found.push(Misuse::FieldAssigned(target.iter().cloned().collect()));
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
