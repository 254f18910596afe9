//! Expansions need nothing in scope.
#![no_implicit_prelude]
#![deny(warnings)]

struct Door;

#[::portcullis::service]
impl Door {
    #[state(start, idle = "1s")]
    async fn shut(&self, request: ::std::string::String) -> (::std::string::String, DoorState) {
        (request, DoorState::Open(1))
    }

    #[state]
    async fn open(&self, times: u8, request: ::std::string::String) -> (::std::string::String, DoorState) {
        match times {
            0 => (request, DoorState::Shut),
            times => (request, DoorState::Open(times - 1)),
        }
    }

    #[event(shut)]
    async fn note(&self, _by: u8) -> DoorState {
        DoorState::Shut
    }

    #[before]
    async fn admit(
        &self,
        request: ::std::string::String,
    ) -> ::core::ops::ControlFlow<::std::string::String, ::std::string::String> {
        ::core::ops::ControlFlow::Continue(request)
    }

    #[after]
    async fn count(&self, _response: &::std::string::String) {}
}

fn main() {
    let _ = Door;
}
