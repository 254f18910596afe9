//! The data: keys with values that may expire, and the commands that only read and change them.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::wire::{Command, Reply};

/// All keys. The commands of this type run to their end under a lock.
#[derive(Clone, Default)]
pub(crate) struct Store(HashMap<Bytes, Entry>);

#[derive(Clone)]
struct Entry {
    value: Value,
    expires: Option<SystemTime>,
}

#[derive(Clone)]
enum Value {
    Text(Bytes),
    List(VecDeque<Bytes>),
}

#[derive(Clone, Copy)]
enum End {
    Left,
    Right,
}

const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// The names of the commands in [`Store::apply`].
const NAMES: [&str; 21] = [
    "PING",
    "ECHO",
    "GET",
    "SET",
    "DEL",
    "EXISTS",
    "INCR",
    "INCRBY",
    "EXPIRE",
    "PEXPIREAT",
    "TTL",
    "LPUSH",
    "RPUSH",
    "LPOP",
    "RPOP",
    "LLEN",
    "DBSIZE",
    "FLUSHALL",
    "SELECT",
    "INFO",
    "COMMAND",
];

impl Store {
    /// Whether [`apply`](Self::apply) knows the command.
    pub(crate) fn knows(name: &str) -> bool {
        NAMES.contains(&name)
    }

    /// Runs a command. An error is the text of the reply.
    pub(crate) fn apply(&mut self, command: &Command) -> Reply {
        self.try_apply(command).unwrap_or_else(Reply::error)
    }

    fn try_apply(&mut self, command: &Command) -> Result<Reply, String> {
        Ok(match command.parts() {
            ("PING", []) => Reply::Status("PONG"),
            ("PING" | "ECHO", [text]) => Reply::Bulk(text.clone()),
            ("GET", [key]) => match self.get(key) {
                None => Reply::Null,
                Some(Entry { value: Value::Text(text), .. }) => Reply::Bulk(text.clone()),
                Some(_) => return Err(WRONG_TYPE.into()),
            },
            ("SET", [key, value]) => self.set(key, value, None),
            ("SET", [key, value, option, seconds]) if option.eq_ignore_ascii_case(b"EX") => {
                let seconds = number(seconds)?.max(0) as u64;
                self.set(key, value, SystemTime::now().checked_add(Duration::from_secs(seconds)))
            }
            ("SET", [_, _, ..]) => return Err("ERR syntax error".into()),
            ("DEL", keys @ [_, ..]) => {
                // A key that has expired does not count.
                count(
                    keys.iter()
                        .filter(|key| self.get(key).is_some() && self.0.remove(*key).is_some())
                        .count(),
                )
            }
            ("EXISTS", keys @ [_, ..]) => count(keys.iter().filter(|key| self.get(key).is_some()).count()),
            ("INCR", [key]) => self.add(key, 1)?,
            ("INCRBY", [key, amount]) => self.add(key, number(amount)?)?,
            ("EXPIRE", [key, seconds]) => {
                let seconds = Duration::from_secs(number(seconds)?.max(0) as u64);
                self.expire(key, SystemTime::now().checked_add(seconds))
            }
            ("PEXPIREAT", [key, at]) => {
                let at = Duration::from_millis(number(at)?.max(0) as u64);
                self.expire(key, UNIX_EPOCH.checked_add(at))
            }
            ("TTL", [key]) => match self.get(key).map(|entry| entry.expires) {
                None => Reply::Integer(-2),
                Some(None) => Reply::Integer(-1),
                Some(Some(at)) => {
                    let left = at.duration_since(SystemTime::now()).unwrap_or_default();
                    Reply::Integer((left + Duration::from_millis(500)).as_secs() as i64)
                }
            },
            ("LPUSH", [key, values @ ..]) if !values.is_empty() => self.push(key, values, End::Left)?,
            ("RPUSH", [key, values @ ..]) if !values.is_empty() => self.push(key, values, End::Right)?,
            ("LPOP", [key]) => self.pop(key, End::Left)?.map_or(Reply::Null, Reply::Bulk),
            ("RPOP", [key]) => self.pop(key, End::Right)?.map_or(Reply::Null, Reply::Bulk),
            ("LLEN", [key]) => count(self.list(key)?.map_or(0, |list| list.len())),
            ("DBSIZE", []) => count(self.0.len()),
            ("FLUSHALL", []) => {
                self.0.clear();
                Reply::Status("OK")
            }
            ("SELECT", [database]) if database == "0" => Reply::Status("OK"),
            ("SELECT", [_]) => return Err("ERR DB index is out of range".into()),
            ("INFO", _) => Reply::text(format!(
                "# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n# Keyspace\r\ndb0:keys={},expires={}\r\n",
                self.0.len(),
                self.0.values().filter(|entry| entry.expires.is_some()).count(),
            )),
            // What clients ask for to complete names and to show help.
            ("COMMAND", _) => Reply::Array(Vec::new()),
            (name, _) => return Err(format!("ERR wrong number of arguments for '{name}' command")),
        })
    }

    /// Removes and returns the first element of the first of these lists that has one, with its
    /// key.
    pub(crate) fn pop_first(&mut self, keys: &[Bytes]) -> Option<Reply> {
        for key in keys {
            match self.pop(key, End::Left) {
                Ok(None) => {}
                Ok(Some(value)) => {
                    return Some(Reply::Array(vec![Reply::Bulk(key.clone()), Reply::Bulk(value)]));
                }
                Err(error) => return Some(Reply::error(error)),
            }
        }
        None
    }

    /// Removes the keys that have expired.
    pub(crate) fn remove_expired(&mut self) {
        let now = SystemTime::now();
        self.0.retain(|_, entry| entry.expires.is_none_or(|at| at > now));
    }

    /// The commands that make these data again, so that they can be saved in the format of the
    /// wire.
    pub(crate) fn to_commands(&self) -> impl Iterator<Item = Command> {
        self.0.iter().flat_map(|(key, Entry { value, expires })| {
            let key = || key.clone();
            let mut commands = match value {
                Value::Text(text) => vec![Command::new("SET", [key(), text.clone()])],
                Value::List(list) => {
                    list.iter().map(|value| Command::new("RPUSH", [key(), value.clone()])).collect()
                }
            };
            if let Some(at) = expires.and_then(|at| at.duration_since(UNIX_EPOCH).ok()) {
                commands.push(Command::new("PEXPIREAT", [key(), at.as_millis().to_string().into()]));
            }
            commands
        })
    }

    /// Every access to a value goes through here, so that no expired value is seen.
    fn get(&mut self, key: &[u8]) -> Option<&mut Entry> {
        if self.0.get(key)?.expires.is_some_and(|at| at <= SystemTime::now()) {
            self.0.remove(key);
        }
        self.0.get_mut(key)
    }

    fn set(&mut self, key: &Bytes, text: &Bytes, expires: Option<SystemTime>) -> Reply {
        let entry = Entry { value: Value::Text(text.clone()), expires };
        match self.0.get_mut(key) {
            Some(old) => *old = entry,
            None => drop(self.0.insert(key.clone(), entry)),
        }
        Reply::Status("OK")
    }

    fn add(&mut self, key: &Bytes, amount: i64) -> Result<Reply, String> {
        match self.get(key) {
            None => {
                self.set(key, &amount.to_string().into(), None);
                Ok(Reply::Integer(amount))
            }
            Some(Entry { value: Value::Text(text), .. }) => {
                let sum = number(text)?.checked_add(amount).ok_or(NOT_AN_INTEGER)?;
                *text = sum.to_string().into();
                Ok(Reply::Integer(sum))
            }
            Some(_) => Err(WRONG_TYPE.into()),
        }
    }

    fn expire(&mut self, key: &Bytes, at: Option<SystemTime>) -> Reply {
        match self.get(key) {
            None => Reply::Integer(0),
            Some(entry) => {
                entry.expires = at;
                Reply::Integer(1)
            }
        }
    }

    fn list(&mut self, key: &[u8]) -> Result<Option<&mut VecDeque<Bytes>>, String> {
        match self.get(key) {
            None => Ok(None),
            Some(Entry { value: Value::List(list), .. }) => Ok(Some(list)),
            Some(_) => Err(WRONG_TYPE.into()),
        }
    }

    fn push(&mut self, key: &Bytes, values: &[Bytes], end: End) -> Result<Reply, String> {
        if self.list(key)?.is_none() {
            let value = Value::List(VecDeque::new());
            self.0.insert(key.clone(), Entry { value, expires: None });
        }
        let Some(list) = self.list(key)? else { return Err(WRONG_TYPE.into()) };
        for value in values {
            match end {
                End::Left => list.push_front(value.clone()),
                End::Right => list.push_back(value.clone()),
            }
        }
        Ok(count(list.len()))
    }

    fn pop(&mut self, key: &[u8], end: End) -> Result<Option<Bytes>, String> {
        let Some(list) = self.list(key)? else { return Ok(None) };
        let value = match end {
            End::Left => list.pop_front(),
            End::Right => list.pop_back(),
        };
        if list.is_empty() {
            self.0.remove(key);
        }
        Ok(value)
    }
}

fn count(count: usize) -> Reply {
    Reply::Integer(count as i64)
}

fn number(text: &[u8]) -> Result<i64, String> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| NOT_AN_INTEGER.to_owned())
}
