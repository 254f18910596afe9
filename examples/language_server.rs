//! A language server: an editor starts it and talks JSON-RPC over its standard input and output.
//!
//! ```text
//! cargo run --example language_server               # plays the editor too
//! cargo run --example language_server -- --stdio    # for your editor
//! ```
//!
//! The language has one rule: a line must not contain `TODO`. The analysis looks at each line for
//! five milliseconds, on a thread of a pool, as a slow compiler would. It stops when the editor
//! cancels the request, because the text has changed, say.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::process::Stdio as Pipe;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{env, io};

use portcullis::codec::{ContentLength, Json};
use portcullis::prelude::*;
use portcullis::rpc::JsonRpc;
use portcullis::{Client, Interrupted, Stdio};
use portcullis_examples::{Error, time_limit};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long the analysis looks at a line.
const TIME_PER_LINE: Duration = Duration::from_millis(5);

// What the Language Server Protocol calls these; `lsp-types` has all of them.

#[derive(Clone, Serialize, Deserialize)]
struct Document {
    uri: String,
    #[serde(default)]
    text: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentParams {
    text_document: Document,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PositionParams {
    text_document: Document,
    position: Position,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Position {
    line: usize,
    character: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Hover {
    contents: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Report {
    kind: String,
    items: Vec<Diagnostic>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Diagnostic {
    range: Range,
    message: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Range {
    start: Position,
    end: Position,
}

#[derive(Debug, Serialize, Deserialize)]
struct LogMessage {
    #[serde(rename = "type")]
    kind: u8,
    message: String,
}

/// The kind of a [`LogMessage`].
const INFO: u8 = 3;

struct LanguageServer {
    /// One analysis at a time.
    cpu: Pool,
    documents: Mutex<HashMap<String, String>>,
    /// How many lines the analyses have looked at.
    analysed: AtomicUsize,
}

// The only parameter of each method has the name `params`, so it is the whole object of parameters.
#[service]
impl LanguageServer {
    #[rpc]
    async fn initialize(&self, params: Value) -> Value {
        // Standard output belongs to the protocol, so logs go to standard error.
        eprintln!("    server: started by {}", params["clientInfo"]["name"]);
        json!({ "capabilities": { "textDocumentSync": 1, "hoverProvider": true, "diagnosticProvider": {} } })
    }

    #[rpc]
    async fn initialized(&self) {}

    #[rpc(name = "textDocument/didOpen")]
    async fn did_open(&self, peer: &LanguageServerPeer, params: DocumentParams) {
        let Document { uri, text } = params.text_document;
        // What the server says on its own. An editor shows it in its log.
        let message = format!("{uri} has {} lines", text.lines().count());
        let _ = peer.notify("window/logMessage", &LogMessage { kind: INFO, message }).await;
        self.documents.lock().unwrap_or_else(PoisonError::into_inner).insert(uri, text);
    }

    #[rpc(name = "textDocument/hover")]
    async fn hover(&self, params: PositionParams) -> Option<Hover> {
        let text = self.text(&params.text_document.uri);
        let line = text.lines().nth(params.position.line)?;
        Some(Hover { contents: format!("{} words", line.split_whitespace().count()) })
    }

    /// Finds every `TODO`.
    #[rpc(name = "textDocument/diagnostic")]
    #[blocking(pool = self.cpu)]
    fn diagnose(&self, worker: &Worker, params: DocumentParams) -> Result<Report, Interrupted> {
        let text = self.text(&params.text_document.uri);
        let mut items = Vec::new();
        for (line, content) in text.lines().enumerate() {
            // Returns an error when the editor has cancelled the request.
            worker.sleep(TIME_PER_LINE)?;
            self.analysed.fetch_add(1, Relaxed);
            if let Some(character) = content.find("TODO") {
                let at = |character| Position { line, character };
                let range = Range { start: at(character), end: at(character + 4) };
                items.push(Diagnostic { range, message: "something is left to do".to_owned() });
            }
        }
        Ok(Report { kind: "full".to_owned(), items })
    }

    #[rpc]
    async fn shutdown(&self) {
        eprintln!("    server: {} lines analysed", self.analysed.load(Relaxed));
    }

    fn text(&self, uri: &str) -> String {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner).get(uri).cloned().unwrap_or_default()
    }
}

fn serve() -> io::Result<()> {
    let service = LanguageServer {
        cpu: Pool::builder("cpu").threads(1).build()?,
        documents: Mutex::default(),
        analysed: AtomicUsize::new(0),
    };
    // The server stops when the editor closes its standard input.
    Server::new(service).codec(JsonRpc::content_length()).listen(Stdio::new())?.run_until_signal()?;
    Ok(())
}

/// The other end, as an editor implements it: any JSON, each message after a `Content-Length`.
struct Editor {
    child: Child,
    messages: Client<Value, Value, ContentLength<Json>, tokio::io::Join<ChildStdout, ChildStdin>>,
}

impl Editor {
    fn start() -> Result<Self, Error> {
        let mut child = Command::new(env::current_exe()?)
            .arg("--stdio")
            .stdin(Pipe::piped())
            .stdout(Pipe::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else { return Err("no pipes".into()) };
        let messages = Client::from_stream(tokio::io::join(output, input), ContentLength::<Json>::new());
        Ok(Self { child, messages })
    }

    async fn request(&mut self, id: u32, method: &str, params: Value) -> Result<(), Error> {
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        Ok(self.messages.send(message).await?)
    }

    async fn notify(&mut self, method: &str, params: Value) -> Result<(), Error> {
        Ok(self.messages.send(json!({ "jsonrpc": "2.0", "method": method, "params": params })).await?)
    }

    /// The next answer, and the id of its request. Shows the log messages before it.
    async fn answer(&mut self) -> Result<(Value, Value), Error> {
        let mut answer = loop {
            let mut message = self.messages.next().await?.ok_or("the server has ended")?;
            if message["method"] != "window/logMessage" {
                break message;
            }
            let LogMessage { message, .. } = serde_json::from_value(message["params"].take())?;
            println!("  The server logs: {message}.");
        };
        let outcome =
            if answer["error"].is_null() { answer["result"].take() } else { answer["error"].take() };
        Ok((answer["id"].take(), outcome))
    }
}

async fn edit() -> Result<(), Error> {
    println!("The editor starts the language server as a child process.");
    let mut editor = Editor::start()?;
    editor.request(1, "initialize", json!({ "clientInfo": { "name": "the example's editor" } })).await?;
    let (_, answer) = editor.answer().await?;
    println!("  It can: {}", answer["capabilities"]);
    editor.notify("initialized", json!({})).await?;

    let long = "all is well here\n".repeat(2000);
    let short = "first line\nTODO: a second line\nthird line\n";
    for (uri, text) in [("file:///long", long.as_str()), ("file:///short", short)] {
        editor
            .notify("textDocument/didOpen", json!({ "textDocument": { "uri": uri, "text": text } }))
            .await?;
    }

    println!("It asks for the diagnostics of a long document, which take ten seconds,");
    let document = |uri: &str| json!({ "textDocument": { "uri": uri } });
    editor.request(2, "textDocument/diagnostic", document("file:///long")).await?;
    println!("and for what is under the cursor, which is answered meanwhile.");
    let cursor =
        json!({ "textDocument": { "uri": "file:///short" }, "position": { "line": 1, "character": 3 } });
    editor.request(3, "textDocument/hover", cursor).await?;
    let (id, hover) = editor.answer().await?;
    println!("  Request {id} is answered with {}.", hover["contents"]);

    println!("A moment later, the user types, so the editor cancels the diagnostics.");
    tokio::time::sleep(Duration::from_millis(100)).await;
    editor.notify("$/cancelRequest", json!({ "id": 2 })).await?;
    let (id, error) = editor.answer().await?;
    println!("  Request {id} is answered with the error {}: {}.", error["code"], error["message"]);

    println!("The one thread of the analysis is free for the short document.");
    editor.request(4, "textDocument/diagnostic", document("file:///short")).await?;
    let (id, report) = editor.answer().await?;
    let report: Report = serde_json::from_value(report)?;
    for Diagnostic { range, message } in &report.items {
        println!("  Request {id} is answered with: line {}, {message}.", range.start.line + 1);
    }

    editor.request(5, "shutdown", Value::Null).await?;
    editor.answer().await?;
    println!("The editor closes the pipe, and the server ends.");
    let Editor { mut child, messages } = editor;
    drop(messages);
    println!("  {}", child.wait().await?);
    Ok(())
}

fn main() -> Result<(), Error> {
    if env::args().any(|arg| arg == "--stdio") {
        return Ok(serve()?);
    }
    time_limit(Duration::from_secs(30));
    tokio::runtime::Runtime::new()?.block_on(edit())
}
