//! Finds calls that block the event loop.

use crate::{
    report::{Lint, Warning},
    tokens::{Walk, is_punct, method_chain, walk},
};
use proc_macro2::{TokenStream, TokenTree};

/// Finds each call in the body of an `async fn` that blocks its thread.
pub(super) fn find(body: TokenStream) -> Vec<Warning> {
    let mut found = Vec::new();
    walk(body, &mut |site| {
        if site.context.closure || site.context.nested_fn {
            return Walk::Skip;
        }
        if site.called().is_some() {
            found.extend(call(site.trees, site.at));
        }
        Walk::Enter
    });
    found
}

/// Checks the call whose parentheses are at `at`.
fn call(trees: &[TokenTree], at: usize) -> Option<Warning> {
    let path = Path::before(trees, at)?;
    let lint = if path.is_method {
        of_method(&path, &method_chain(trees, at))
    } else {
        of_path(&path, &method_chain(trees, at))
    }?;
    let at = trees.get(path.start..at)?.iter().cloned().collect();
    Some(Warning { lint, at })
}

/// The path before the parentheses of a call, such as `std::fs::read`.
struct Path {
    start: usize,
    names: Vec<String>,
    is_method: bool,
}

impl Path {
    fn before(trees: &[TokenTree], end: usize) -> Option<Self> {
        let mut names = Vec::new();
        let mut start = end;
        while let Some(TokenTree::Ident(name)) = start.checked_sub(1).and_then(|at| trees.get(at)) {
            names.insert(0, name.to_string());
            start -= 1;
            let colons = start
                .checked_sub(2)
                .is_some_and(|two| is_punct(trees.get(two), ':') && is_punct(trees.get(two + 1), ':'));
            if !colons {
                break;
            }
            start -= 2;
        }
        let before = start.checked_sub(1).and_then(|at| trees.get(at));
        (!names.is_empty()).then(|| Path { start, is_method: is_punct(before, '.'), names })
    }

    /// Whether the path ends with these names.
    fn ends(&self, names: &[&str]) -> bool {
        self.names.len() >= names.len()
            && self.names.iter().rev().zip(names.iter().rev()).all(|(name, end)| name == end)
    }

    /// Whether the path is `std::` followed by these names.
    fn of_std(&self, names: &[&str]) -> bool {
        self.names.first().is_some_and(|first| first == "std")
            && self.names.iter().skip(1).zip(names).filter(|(name, wanted)| name == wanted).count()
                == names.len()
    }
}

/// Methods of `Result` that no future has.
const RESULT: &str = "? unwrap unwrap_or unwrap_or_default unwrap_or_else expect expect_err is_ok is_err ok";
/// Functions of `std::fs`.
const FS: &str = "canonicalize copy create_dir create_dir_all exists hard_link metadata read read_dir read_link read_to_string \
    remove_dir remove_dir_all remove_file rename set_permissions symlink_metadata write";
/// Crates whose functions all block.
const CRATES: &str = "attohttpc minreq rusqlite ureq";
/// Methods that block, with names that are used for nothing else.
const METHODS: &str = "blocking_lock blocking_lock_owned blocking_read blocking_recv blocking_recv_many blocking_send blocking_write recv_timeout";

fn is_of(list: &str, name: &str) -> bool {
    list.split_whitespace().any(|one| one == name)
}

fn of_path(path: &Path, chain: &[String]) -> Option<Lint> {
    let last = path.names.last()?;
    let first = path.names.first()?;
    let used_at_once = chain.first().is_some_and(|next| is_of(RESULT, next));
    let then = |names: &[&str]| {
        chain.iter().any(|next| names.contains(&next.as_str())) && !chain.iter().any(|next| next == "await")
    };
    if path.ends(&["thread", "sleep"]) {
        return Some(Lint::ThreadSleep);
    }
    if path.of_std(&["fs"]) {
        let values = ["OpenOptions", "Permissions", "FileTimes", "DirBuilder"];
        let is_value = path.names.iter().any(|name| values.contains(&name.as_str()));
        return (!is_value || then(&["open", "create"])).then_some(Lint::BlockingFs);
    }
    let short_fs = (path.names.len() == 2 && first == "fs" && is_of(FS, last))
        || (path.names.len() == 2
            && first == "File"
            && matches!(last.as_str(), "open" | "create" | "create_new"));
    if short_fs && used_at_once {
        return Some(Lint::BlockingFs);
    }
    let connects = matches!(last.as_str(), "connect" | "connect_timeout")
        && (path.ends(&["TcpStream", last]) || path.ends(&["UnixStream", last]));
    if connects
        && (path.of_std(&["net"])
            || path.of_std(&["os", "unix", "net"])
            || (path.names.len() == 2 && used_at_once))
    {
        return Some(Lint::Network);
    }
    if path.of_std(&["process", "Command", "new"]) && then(&["output", "status"]) {
        return Some(Lint::Process);
    }
    if path.of_std(&["io", "stdin"]) && then(&["read_line", "lines", "read_to_end", "read_to_string"]) {
        return Some(Lint::Stdin);
    }
    if last == "block_on" {
        return Some(Lint::BlockOn);
    }
    let own = matches!(first.as_str(), "crate" | "self" | "super" | "Self");
    let named_blocking = path.names.iter().skip(1).rev().skip(1).any(|name| name == "blocking");
    ((named_blocking && !own) || (path.names.len() > 1 && is_of(CRATES, first))).then_some(Lint::BlockingCall)
}

fn of_method(path: &Path, chain: &[String]) -> Option<Lint> {
    let name = path.names.last()?;
    let awaited = chain.first().is_some_and(|next| next == "await");
    match name.as_str() {
        _ if awaited => None,
        "block_on" => Some(Lint::BlockOn),
        "to_socket_addrs" => Some(Lint::Network),
        name if is_of(METHODS, name) => Some(Lint::BlockingCall),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Vec<Lint> {
        find(body.parse().expect(body)).into_iter().map(|warning| warning.lint).collect()
    }

    #[test]
    fn blocking_calls_are_found() {
        for (body, lint) in [
            ("std::thread::sleep(d);", Lint::ThreadSleep),
            ("if a { thread::sleep(d) }", Lint::ThreadSleep),
            ("::std::thread::sleep(d)", Lint::ThreadSleep),
            ("async move { std::thread::sleep(d) }.await", Lint::ThreadSleep),
            ("let text = std::fs::read_to_string(p);", Lint::BlockingFs),
            ("fs::read(p)?", Lint::BlockingFs),
            ("fs::write(p, b).unwrap()", Lint::BlockingFs),
            ("File::open(p)?", Lint::BlockingFs),
            ("std::fs::OpenOptions::new().read(true).open(p)?", Lint::BlockingFs),
            ("std::net::TcpStream::connect(a)", Lint::Network),
            ("TcpStream::connect(a)?", Lint::Network),
            ("(host, 80).to_socket_addrs()?", Lint::Network),
            ("std::process::Command::new(a).arg(b).output()?", Lint::Process),
            ("std::io::stdin().read_line(&mut line)?", Lint::Stdin),
            ("futures::executor::block_on(f)", Lint::BlockOn),
            ("self.handle.block_on(f)", Lint::BlockOn),
            ("reqwest::blocking::get(url)?", Lint::BlockingCall),
            ("reqwest::blocking::Client::new().get(url)", Lint::BlockingCall),
            ("ureq::get(url).call()?", Lint::BlockingCall),
            ("rusqlite::Connection::open(p)?", Lint::BlockingCall),
            ("self.rx.blocking_recv()", Lint::BlockingCall),
        ] {
            assert_eq!(of(body), [lint], "{body}");
        }
    }

    #[test]
    fn calls_that_may_be_async_are_ignored() {
        for body in [
            "tokio::time::sleep(d).await",
            "sleep(d).await",
            "fs::read(p).await?",
            "let read = fs::read(p);",
            "fs::read(p).map_err(E)",
            "tokio::fs::read(p).await?",
            "File::open(p).await?",
            "TcpStream::connect(a).await?",
            "spawn_blocking(|| std::fs::read(p)).await",
            "pool.run(move |worker| { std::thread::sleep(d); }).await",
            "fn inner() { std::thread::sleep(d) }",
            "std::fs::Permissions::from_mode(0o600)",
            "tokio::process::Command::from(std::process::Command::new(a)).output().await",
            "crate::blocking::get(url)",
            "blocking::unblock(f).await",
            "self.thread.sleep(d)",
            "rx.recv_timeout(d).await",
            "std::io::stdin()",
        ] {
            assert_eq!(of(body), [], "{body}");
        }
    }
}
