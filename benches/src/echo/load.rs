//! The client, in a process of its own: one thread with a number of connections, and a number of
//! requests in flight on each.
//!
//! The bench starts its own program again, with [`WORD`] as the first argument. It writes to the
//! process' standard input for how many milliseconds to measure, and reads the number of responses
//! per second from its standard output.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::cores;
use super::frame::FRAME;

/// The first argument of a client process.
pub(crate) const WORD: &str = "__load";
/// Far more than any response takes.
const LIMIT: Duration = Duration::from_secs(30);
/// The pieces of a response are never further apart.
const QUIET: Duration = Duration::from_millis(100);

/// The bytes that a client sends: `hello` once, then `request` repeatedly.
#[derive(Clone)]
pub(crate) struct Talk {
    /// Answered by the head of an HTTP response; may be empty.
    pub(crate) hello: Vec<u8>,
    pub(crate) request: Vec<u8>,
}

impl Talk {
    pub(crate) fn frames() -> Self {
        Self { hello: Vec::new(), request: FRAME.to_vec() }
    }
}

/// A client process, which ends when this is dropped.
pub(crate) struct Load {
    process: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Load {
    /// Starts a client, which opens its connections at its first measurement.
    pub(crate) fn on(addr: SocketAddr, talk: &Talk, connections: usize, in_flight: usize) -> Self {
        let numbers = [connections, in_flight].map(|number| number.to_string());
        let bytes = [&talk.hello, &talk.request].map(|bytes| to_hex(bytes));
        Self::start(&[&[WORD.to_owned(), addr.to_string()], &numbers[..], &bytes[..]].concat())
    }

    /// Starts this program with other arguments.
    pub(crate) fn start(arguments: &[String]) -> Self {
        let program = std::env::current_exe().expect("the path of this program");
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("this program, started again");
        let orders = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("its output"));
        Self { process, orders, answers }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Responses per second, measured over `time`.
    pub(crate) fn measure(&mut self, time: Duration) -> f64 {
        let mut orders = self.orders.as_ref().expect("open until dropped");
        writeln!(orders, "{}", time.as_millis()).expect("a client that listens");
        self.line().parse().expect("a figure")
    }

    /// The next line that the process writes.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).expect("a process that writes");
        assert!(read > 0, "the other process ended early");
        line.trim_end().to_owned()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // The process ends at the end of its input.
        self.orders = None;
        drop(self.process.wait());
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// The code of the client process, whose arguments after [`WORD`] are `arguments`.
pub(crate) fn client(arguments: &[String]) -> io::Result<()> {
    let wrong = || io::Error::new(ErrorKind::InvalidInput, "address, connections, in flight, hello, request");
    let [addr, connections, in_flight, hello, request] = arguments else { return Err(wrong()) };
    let (Ok(addr), Ok(connections), Ok(in_flight), Some(hello), Some(request)) =
        (addr.parse(), connections.parse(), in_flight.parse(), from_hex(hello), from_hex(request))
    else {
        return Err(wrong());
    };
    cores::last();
    let mut client: Option<Client> = None;
    for order in io::stdin().lines() {
        let time = Duration::from_millis(order?.parse().map_err(|_| wrong())?);
        let client = match &mut client {
            Some(client) => client,
            none => {
                let talk = Talk { hello: hello.clone(), request: request.clone() };
                none.insert(Client::open(addr, &talk, connections, in_flight)?)
            }
        };
        println!("{}", client.measure(time)?);
    }
    Ok(())
}

struct Client {
    poll: Poll,
    connections: Vec<Connection>,
    /// All requests in flight on one connection, concatenated.
    requests: Vec<u8>,
    request: usize,
    answer: usize,
    in_flight: usize,
}

struct Connection {
    io: mio::net::TcpStream,
    /// Bytes of an incomplete response.
    got: usize,
}

impl Client {
    fn open(addr: SocketAddr, talk: &Talk, connections: usize, in_flight: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut opened = Vec::with_capacity(connections);
        let mut answer = None;
        for token in 0..connections {
            let mut io = std::net::TcpStream::connect(addr)?;
            io.set_nodelay(true)?;
            io.set_read_timeout(Some(LIMIT))?;
            greet(&mut io, &talk.hello)?;
            io.write_all(&talk.request)?;
            match answer {
                None => answer = Some(length_of_answer(&mut io)?),
                Some(length) => io.read_exact(&mut vec![0; length])?,
            }
            io.set_nonblocking(true)?;
            let mut io = mio::net::TcpStream::from_std(io);
            poll.registry().register(&mut io, Token(token), Interest::READABLE)?;
            opened.push(Connection { io, got: 0 });
        }
        Ok(Self {
            poll,
            connections: opened,
            requests: talk.request.repeat(in_flight),
            request: talk.request.len(),
            answer: answer.unwrap_or(1),
            in_flight,
        })
    }

    /// Responses per second. When this returns, no request is in flight.
    fn measure(&mut self, time: Duration) -> io::Result<f64> {
        let (mut events, mut buffer) = (Events::with_capacity(256), vec![0; 1 << 18]);
        let mut in_flight = self.in_flight * self.connections.len();
        let start = Instant::now();
        for connection in &mut self.connections {
            send(&mut connection.io, &self.requests)?;
        }
        let (mut answers, mut took) = (0, None);
        while in_flight > 0 {
            self.poll.poll(&mut events, Some(LIMIT))?;
            if events.is_empty() {
                return Err(ErrorKind::TimedOut.into());
            }
            if took.is_none() && start.elapsed() >= time {
                took = Some(start.elapsed());
            }
            for event in &events {
                let connection = &mut self.connections[event.token().0];
                let answered = connection.receive(&mut buffer, self.answer)?;
                if took.is_none() {
                    answers += answered;
                    send(&mut connection.io, &self.requests[..answered * self.request])?;
                } else {
                    in_flight -= answered;
                }
            }
        }
        Ok(answers as f64 / took.unwrap_or(time).as_secs_f64())
    }
}

impl Connection {
    /// Reads, and returns the number of responses of `length` bytes that are complete now.
    fn receive(&mut self, buffer: &mut [u8], length: usize) -> io::Result<usize> {
        // The buffer is larger than everything in flight, so a read that does not fill it has
        // emptied the socket.
        match self.io.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.got += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let answered = self.got / length;
        self.got %= length;
        Ok(answered)
    }
}

/// The requests in flight fit into the socket's buffer, so this never blocks.
fn send(io: &mut mio::net::TcpStream, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() { Ok(()) } else { io.write_all(bytes) }
}

fn greet(io: &mut std::net::TcpStream, hello: &[u8]) -> io::Result<()> {
    io.write_all(hello)?;
    let mut head = Vec::new();
    while !hello.is_empty() && !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        io.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(())
}

/// Reads a response until nothing arrives for [`QUIET`], and checks that it is an echo.
fn length_of_answer(io: &mut std::net::TcpStream) -> io::Result<usize> {
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match io.read(&mut piece) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock && !answer.is_empty() => break,
            Err(error) => return Err(error),
        }
        io.set_read_timeout(Some(QUIET))?;
    }
    io.set_read_timeout(Some(LIMIT))?;
    let line = &FRAME[..FRAME.len() - 1];
    if !answer.windows(line.len()).any(|part| part == line) {
        let answer = String::from_utf8_lossy(&answer).into_owned();
        return Err(io::Error::new(ErrorKind::InvalidData, format!("no echo: {answer}")));
    }
    Ok(answer.len())
}
