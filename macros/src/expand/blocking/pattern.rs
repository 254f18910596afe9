//! Patterns of arguments, changed to match on a reference: the expressions of an attribute may name
//! the parts.

use proc_macro2::Ident;
use syn::{Pat, PatIdent, PatWild, Token, spanned::Spanned};

/// The pattern for a reference to the argument, without `mut` and `ref`, and with the `wanted`
/// names only.
pub(super) fn by_reference(written: &Pat, wanted: &[&Ident]) -> Pat {
    let inner = |pat: &Pat| Box::new(by_reference(pat, wanted));
    match written {
        Pat::Ident(pat) => ident(pat, wanted),
        Pat::Paren(pat) => by_reference(&pat.pat, wanted),
        Pat::Reference(pat) => Pat::Reference(syn::PatReference { pat: inner(&pat.pat), ..pat.clone() }),
        Pat::Type(pat) => Pat::Type(syn::PatType { pat: inner(&pat.pat), ..pat.clone() }),
        Pat::Slice(slice) => {
            let mut slice = slice.clone();
            slice.elems.iter_mut().for_each(|pat| *pat = by_reference(pat, wanted));
            Pat::Slice(slice)
        }
        Pat::Tuple(tuple) => {
            let mut tuple = tuple.clone();
            tuple.elems.iter_mut().for_each(|pat| *pat = by_reference(pat, wanted));
            Pat::Tuple(tuple)
        }
        Pat::TupleStruct(tuple) => {
            let mut tuple = tuple.clone();
            tuple.elems.iter_mut().for_each(|pat| *pat = by_reference(pat, wanted));
            Pat::TupleStruct(tuple)
        }
        Pat::Struct(fields) => {
            let mut fields = fields.clone();
            for field in &mut fields.fields {
                *field.pat = by_reference(&field.pat, wanted);
                // `x` is short for `x: x`, but `_` has no short form.
                let is_short = matches!(&*field.pat, Pat::Ident(pat) if pat.subpat.is_none());
                if !is_short && field.colon_token.is_none() {
                    field.colon_token = Some(Token![:](field.pat.span()));
                }
            }
            Pat::Struct(fields)
        }
        other => other.clone(),
    }
}

fn ident(pat: &PatIdent, wanted: &[&Ident]) -> Pat {
    let subpat = pat.subpat.as_ref().map(|(at, inner)| (*at, Box::new(by_reference(inner, wanted))));
    match (wanted.contains(&&pat.ident), subpat) {
        (true, subpat) => Pat::Ident(PatIdent { by_ref: None, mutability: None, subpat, ..pat.clone() }),
        (false, Some((_, inner))) => *inner,
        (false, None) => {
            Pat::Wild(PatWild { attrs: Vec::new(), underscore_token: Token![_](pat.ident.span()) })
        }
    }
}
