//! A linear session of a generic service, whose types hide behind an alias.

#[service]
impl<S, const N: usize> Chat<S, N>
where
    S: Store + Send + Sync + 'static,
{
    #[session]
    async fn chat(&self, conn: &mut Conn, session: &mut Lines) -> Result<(), Error> {
        while let Ok(line) = session.next().await {
            session.send(line).await?;
        }
        Ok(())
    }

    #[on(connect)]
    async fn connected(&self, peer: &Peer<Line>) -> Result<Conn, Refused> {
        Conn::greet(peer).await
    }
}

#[service]
impl Echo {
    #[session(half_close = answer)]
    async fn echo(&self, session: &mut Session<Bytes, Bytes>) {
        while let Ok(bytes) = session.next().await {
            session.send(bytes).await;
        }
    }
}
