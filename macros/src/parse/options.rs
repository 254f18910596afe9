//! Parses the options of an attribute: a list of `key`, `key = value` and `key(..)`. An error in
//! one option is reported at its key, and parsing goes on with the next option.

use crate::{
    attributes::{AttrKind, Lookup, OptionName, look_up},
    report::ErrorSink,
};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{
    Ident, LitStr, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
};

/// A value, and its key for messages.
#[derive(Clone)]
pub(crate) struct KeyValue<T> {
    pub(crate) key: Ident,
    pub(crate) value: T,
}

/// The options of one attribute. All of them may be missing.
pub(crate) trait Options: Default {
    const KIND: AttrKind;

    /// Parses the option `key`, which is one of those of [`KIND`](Self::KIND).
    fn set(&mut self, key: Ident, input: &Value<'_>) -> syn::Result<()>;
}

/// The input after a key.
pub(crate) struct Value<'a> {
    input: ParseStream<'a>,
    option: &'static OptionName,
}

impl Value<'_> {
    /// Whether a value follows after `=`.
    pub(crate) fn is_assigned(&self) -> bool {
        self.input.peek(Token![=])
    }

    /// `key` without a value.
    pub(crate) fn flag(&self, slot: &mut Option<Ident>, key: Ident) -> syn::Result<()> {
        if self.input.peek(Token![=]) || self.input.peek(syn::token::Paren) {
            return Err(syn::Error::new(key.span(), format!("`{key}` takes no value: write `{key}`")));
        }
        check_once(slot.is_some(), &key)?;
        *slot = Some(key);
        Ok(())
    }

    /// `key = value`.
    pub(crate) fn of<T: Parse>(&self, slot: &mut Option<KeyValue<T>>, key: Ident) -> syn::Result<()> {
        self.read(slot, key, Ok)
    }

    /// `key = value`, where `meaning` converts the syntax of the value.
    pub(crate) fn read<S: Parse, T>(
        &self,
        slot: &mut Option<KeyValue<T>>,
        key: Ident,
        meaning: impl FnOnce(S) -> syn::Result<T>,
    ) -> syn::Result<()> {
        if self.input.peek(Token![:]) && !self.input.peek(Token![::]) {
            let colon = self.input.parse::<Token![:]>()?;
            let message = format!("options are written with `=`: write `{key} = {}`", rest(self.input));
            return Err(syn::Error::new(colon.span, message));
        }
        if !self.input.peek(Token![=]) {
            let message = format!("`{key}` needs a value: write `{}`", self.option.example);
            return Err(syn::Error::new(key.span(), message));
        }
        self.input.parse::<Token![=]>()?;
        let written = self.input.fork();
        let syntax = self.input.parse::<S>().map_err(|_| match written.parse::<LitStr>() {
            Ok(text) => in_quotes(&text, &format!("{key} = {}", text.value())),
            Err(_) => self.malformed(&key),
        })?;
        check_once(slot.is_some(), &key)?;
        *slot = Some(KeyValue { key, value: meaning(syntax)? });
        Ok(())
    }

    /// `key(..)`: the tokens in the parentheses.
    pub(crate) fn brackets(&self, slot: &mut Option<KeyValue<TokenStream>>, key: Ident) -> syn::Result<()> {
        if !self.input.peek(syn::token::Paren) {
            return Err(self.malformed(&key));
        }
        let content;
        syn::parenthesized!(content in self.input);
        let tokens = content.parse()?;
        check_once(slot.is_some(), &key)?;
        *slot = Some(KeyValue { key, value: tokens });
        Ok(())
    }

    pub(crate) fn malformed(&self, key: &Ident) -> syn::Error {
        let message = format!("the value of `{key}` can't be parsed: write `{}`", self.option.example);
        syn::Error::new(key.span(), message)
    }
}

/// The error for a string in the place of a name.
fn in_quotes(text: &LitStr, write: &str) -> syn::Error {
    let message = format!("expected an identifier, found a string: write `{write}` without quotes");
    syn::Error::new(text.span(), message)
}

/// The text up to the next comma.
fn rest(input: ParseStream<'_>) -> String {
    let fork = input.fork();
    let mut tokens = TokenStream::new();
    while !fork.is_empty() && !fork.peek(Token![,]) {
        match fork.parse::<TokenTree>() {
            Ok(tree) => tokens.extend([tree]),
            Err(_) => break,
        }
    }
    crate::tokens::to_text(&tokens)
}

fn check_once(given: bool, key: &Ident) -> syn::Result<()> {
    if given {
        return Err(syn::Error::new(key.span(), format!("`{key}` is given twice: remove one of the two")));
    }
    Ok(())
}

/// Parses all options and reports the wrong ones.
pub(crate) fn parse<O: Options>(tokens: TokenStream, sink: &ErrorSink) -> O {
    let mut options = O::default();
    let list = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(error) = parse_option(&mut options, input) {
                sink.push(error);
                skip_to_comma(input);
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    if let Err(error) = list.parse2(tokens) {
        sink.push(error);
    }
    options
}

fn parse_option<O: Options>(options: &mut O, input: ParseStream<'_>) -> syn::Result<()> {
    let kind = O::KIND;
    let all = rest(input);
    let Ok(key) = input.call(Ident::parse_any) else {
        return Err(expected_option(kind, input));
    };
    let name = key.to_string();
    let option = match look_up(kind, &name) {
        Lookup::Known(option) => option,
        _ if kind == AttrKind::Blocking && name == "self" => {
            let message = format!("expected an option; to select a pool, write `pool = {all}`");
            return Err(syn::Error::new(key.span(), message));
        }
        // `name` is also an option of `#[rpc]`.
        Lookup::Unknown | Lookup::Misplaced(AttrKind::Rpc)
            if kind == AttrKind::Service && AttrKind::StateEnum.option(&name).is_some() =>
        {
            let message = format!("`{name}` applies to the enum of the states: write `state({all})`");
            return Err(syn::Error::new(key.span(), message));
        }
        Lookup::Misplaced(AttrKind::Rpc) if kind == AttrKind::RpcTrait => {
            let message =
                format!("`{name}` applies to one method: write `#[rpc({all})]` on a method of the trait");
            return Err(syn::Error::new(key.span(), message));
        }
        mistake => return Err(syn::Error::new(key.span(), describe(kind, &name, &mistake))),
    };
    options.set(key, &Value { input, option })?;
    if !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error("expected `,` and the next option"));
    }
    Ok(())
}

/// The error for a token that can't be a key.
fn expected_option(kind: AttrKind, input: ParseStream<'_>) -> syn::Error {
    match input.fork().parse::<LitStr>() {
        Ok(text) if matches!(look_up(kind, &text.value()), Lookup::Known(_)) => {
            in_quotes(&text, &text.value())
        }
        _ => input.error(format!("expected an option of `#[{}]`, {}", kind.name(), kind.list())),
    }
}

fn describe(kind: AttrKind, key: &str, mistake: &Lookup) -> String {
    let on = kind.name();
    let what = if kind == AttrKind::On { "event" } else { "option" };
    match mistake {
        Lookup::Misspelt(near) => format!("unknown {what} `{key}` of `#[{on}]`: did you mean `{near}`?"),
        Lookup::Misplaced(other) => {
            format!(
                "`{key}` is an option of `#[{}]`, not of `#[{on}]`: expected {}",
                other.name(),
                kind.list()
            )
        }
        Lookup::Known(_) | Lookup::Unknown => {
            format!("unknown {what} `{key}` of `#[{on}]`: expected {}", kind.list())
        }
    }
}

/// Skips to the next comma that is not in a group.
fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        // A group is one token tree, so this can fail only at the end.
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

/// The tokens in the parentheses of an attribute. `#[name = ..]` is an error.
pub(crate) fn of_attribute(attr: &syn::Attribute, kind: AttrKind, sink: &ErrorSink) -> TokenStream {
    match &attr.meta {
        syn::Meta::Path(_) => TokenStream::new(),
        syn::Meta::List(list) => list.tokens.clone(),
        syn::Meta::NameValue(pair) => {
            let name = kind.name();
            sink.error(pair, format!("expected options in parentheses: write `#[{name}(..)]`"));
            TokenStream::new()
        }
    }
}

/// The tokens without the group that a `macro_rules` fragment such as `$item:item` arrives in.
pub(crate) fn strip_none_group(tokens: TokenStream) -> TokenStream {
    let mut trees = tokens.clone().into_iter();
    match (trees.next(), trees.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => {
            strip_none_group(group.stream())
        }
        _ => tokens,
    }
}
