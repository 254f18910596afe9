// errors: 1
// Reading from and writing to a session changes it.
use portcullis::prelude::*;

struct Echo;

#[service]
impl Echo {
    #[session]
    async fn talk(&self, session: &Session<String, String>) -> Result<(), SessionError> {
        let line = session.next().await?;
        session.send(line).await?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Server::new(Echo).codec(Lines::new()).bind("127.0.0.1:0")?.run_until_signal()?;
    Ok(())
}
