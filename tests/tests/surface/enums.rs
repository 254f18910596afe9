//! An enum can be a service, with variants of any name.
use portcullis::prelude::*;

macro_rules! of_every_name {
    ($name:ident) => {
        #[allow(dead_code)]
        #[derive(Clone, Copy, PartialEq)]
        enum $name {
            Request,
            Response,
            Error,
            Event,
            Conn,
            State,
            HandlerKind,
            Step,
            Output,
            Target,
        }
    };
}
of_every_name!(Single);
of_every_name!(Machine);
of_every_name!(Line);

#[service]
impl Single {
    #[on(start)]
    async fn started(&self) {}

    #[on(connect)]
    async fn connected(&self, peer: &Peer<String>) -> Result<u8, std::io::Error> {
        let _ = peer.id();
        Ok(1)
    }

    #[before]
    async fn checked(&self, n: &mut u8, request: String) -> ControlFlow<String, String> {
        *n += 1;
        ControlFlow::Continue(request)
    }

    #[after]
    async fn counted(&self, n: &mut u8, _response: &String) {
        *n += 1;
    }

    #[request]
    async fn get(&self, peer: &Peer<String>, n: &mut u8, key: String) -> Result<String, std::io::Error> {
        let _ = (peer.id(), self.job(1).await, self.helper().await);
        Ok(format!("{key} {n} {}", **self == Single::Error))
    }

    #[on(error)]
    async fn failed(&self, error: SessionError<std::io::Error>) -> ControlFlow<Reason, String> {
        ControlFlow::Continue(error.to_string())
    }

    #[on(disconnect)]
    async fn disconnected(&self, _n: u8, _reason: Reason) {}

    #[blocking]
    fn job(&self, n: u8) -> u8 {
        n
    }

    async fn helper(&self) -> Self {
        Single::State
    }
}

#[service]
impl Machine {
    #[state(start)]
    async fn one(&self, line: String) -> Result<(String, MachineState), String> {
        Ok((line, MachineState::Two(1)))
    }

    #[state(idle = "50s")]
    async fn two(&self, n: u8, line: String) -> (String, MachineState) {
        (line, MachineState::Two(n))
    }

    #[event(two)]
    async fn posted(&self, n: u8, _event: u16) -> MachineState {
        MachineState::Two(n)
    }

    #[on(timeout = two)]
    async fn late(&self, _n: u8) -> MachineState {
        MachineState::Closed
    }
}

#[service]
impl Line {
    #[session]
    async fn talk(&self, session: &mut Session<String, String>) -> Result<(), SessionError> {
        loop {
            let line = session.next().await?;
            session.send(line).await?;
        }
    }
}

#[tokio::test]
async fn enum_services_may_have_any_variant_names() {
    let mut client = portcullis::test::connect(Single::Error).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "a 2 true");
    let mut client = portcullis::test::connect(Machine::State).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "a");
    let mut client = portcullis::test::connect(Line::Response).await.unwrap();
    assert_eq!(client.call("a".into()).await.unwrap(), "a");
}
