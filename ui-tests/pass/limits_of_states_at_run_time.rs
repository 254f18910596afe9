//! Time limits of states that depend on their data, on the service, or on functions.
use portcullis::prelude::*;
use std::sync::LazyLock;
use std::time::Duration;

static PATIENCE: LazyLock<Duration> = LazyLock::new(|| Duration::from_secs(3));
const SECONDS: u64 = 2;

fn patience() -> Duration {
    *PATIENCE
}

struct Settings {
    idle: Duration,
    longest: Option<Duration>,
}

/// Not `Copy`, so that a limit can't move it.
struct Client {
    patience: Duration,
    name: String,
}

impl Client {
    fn patience(&self) -> Duration {
        self.patience
    }
}

struct Limits {
    settings: Settings,
}

#[service]
impl Limits {
    #[state(start, idle = patience(), max_duration = *PATIENCE)]
    async fn functions(&self, line: String) -> (String, LimitsState) {
        (line, LimitsState::OfTheService)
    }

    #[state(idle = self.settings.idle, max_duration = self.settings.longest)]
    async fn of_the_service(&self, line: String) -> (String, LimitsState) {
        (line.clone(), LimitsState::Data(Client { patience: patience(), name: line }, 3, Some(patience())))
    }

    /// A field, a method, arithmetic with a number, an option.
    #[state(idle = client.patience, max_duration = Duration::from_secs(seconds + SECONDS).min(client.patience()))]
    async fn data(&self, client: Client, seconds: u64, most: Option<Duration>, line: String) -> (String, LimitsState) {
        let _ = (client.name, seconds, most);
        (line, LimitsState::Alone(patience(), most))
    }

    #[state(idle = patience, max_duration = most)]
    async fn alone(&self, patience: Duration, most: Option<Duration>, line: String) -> (String, LimitsState) {
        let _ = most;
        (line, LimitsState::Names(Names { settings: self.settings.idle }, patience))
    }

    /// `settings` is a name of the data and of a field.
    #[state(idle = self.settings.idle.max(names.settings), max_duration = if state.is_zero() { None } else { Some(state) })]
    async fn names(&self, names: Names, state: Duration, line: String) -> (String, LimitsState) {
        (line, LimitsState::Shadowed(1, vec![names.settings, state]))
    }

    #[state(idle = match limits.first() { Some(limit) => *limit, None => Duration::from_millis(peer) })]
    async fn shadowed(&self, peer: u64, limits: Vec<Duration>, line: String) -> (String, LimitsState) {
        let _ = (peer, limits);
        (line, LimitsState::Constants)
    }

    #[state(idle = Duration::from_secs(SECONDS), max_duration = Duration::MAX)]
    async fn constants(&self, line: String) -> (String, LimitsState) {
        (line, LimitsState::Closed)
    }
}

struct Names {
    settings: Duration,
}

fn main() {
    let settings = Settings { idle: patience(), longest: None };
    let _ = Server::new(Limits { settings });
}
