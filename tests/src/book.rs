//! The pages of the guide. Their Rust code is compiled and run as doc tests. `tests/book.rs` checks
//! that no page is missing here.

macro_rules! pages {
    ($($name:ident: $file:literal;)*) => {
        $(
            #[doc = include_str!(concat!("../../docs/src/", $file))]
            pub mod $name {}
        )*
    };
}

pages! {
    introduction: "introduction.md";
    getting_started: "getting-started.md";
    blocking: "blocking.md";
    service: "service.md";
    request: "request.md";
    state: "state.md";
    event: "event.md";
    responses: "responses.md";
    session: "session.md";
    rpc: "rpc.md";
    before_and_after: "before-and-after.md";
    hooks: "hooks.md";
    helpers: "helpers.md";
    pools: "pools.md";
    overload: "overload.md";
    portal: "portal.md";
    interrupted: "interrupted.md";
    streaming: "streaming.md";
    servers: "servers.md";
    background: "background.md";
    codecs: "codecs.md";
    clients: "clients.md";
    rpc_clients: "rpc-clients.md";
    json_rpc: "json-rpc.md";
    testing: "testing.md";
    faults: "faults.md";
    protocols: "protocols.md";
    examples: "examples.md";
    guarantees: "guarantees.md";
    diagrams: "diagrams.md";
    expansions: "expansions.md";
    lints: "lints.md";
    coming_from_easynetwork: "coming-from-easynetwork.md";
    coming_from_spawn_blocking: "coming-from-spawn-blocking.md";
    coming_from_rpc: "coming-from-rpc.md";
}
