//! Parameters and methods of calls with the names that the expansion uses itself.
use portcullis::Sender;
use portcullis::prelude::*;

struct Names;

#[service]
impl Names {
    #[on(connect)]
    async fn connected(&self, _peer: &NamesPeer) -> u64 {
        0
    }

    #[rpc]
    async fn serialize(&self, user: &u64, serializer: u8, conn: u16) -> u64 {
        *user + u64::from(serializer) + u64::from(conn)
    }

    #[rpc]
    async fn deserialize(&self, deserializer: u8, names: u16, method: u32) -> u64 {
        u64::from(deserializer) + u64::from(names) + u64::from(method)
    }

    #[rpc]
    async fn call(&self, client: &NamesPeer, call: String, context: u8, peer: u16, reply: u32) -> String {
        format!("{call}{}{}", client.id(), u32::from(context) + u32::from(peer) + reply)
    }

    #[rpc]
    async fn params(&self, rows: &Sender<u8>, sender: u8, result: u16, value: u32) -> u32 {
        let _ = rows.send_async(sender).await;
        u32::from(result) + value
    }

    #[rpc]
    #[blocking]
    fn item(&self, worker: &Worker, rows: &Sender<u8>, item: u8, this: u16, pool: u32) -> u32 {
        let _ = rows.send(worker, item);
        u32::from(this) + pool
    }

    #[before]
    async fn pass(&self, call: NamesCall) -> ControlFlow<NamesReply, NamesCall> {
        ControlFlow::Continue(call)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let codec = LengthPrefixed::<Postcard>::new();
    let server = Server::new(Names).codec(codec.clone()).bind("127.0.0.1:0").unwrap().spawn().await.unwrap();
    let names = NamesClient::connect(server.local_addr(), codec).await.unwrap();
    assert_eq!(names.serialize(1, 2).await, Ok(3));
    assert_eq!(names.deserialize(1, 2, 3).await, Ok(6));
    assert!(names.call("call".to_owned(), 1, 2, 3).await.unwrap().ends_with('6'));
    assert_eq!(names.params(1, 2, 3).finish().await, Ok(5));
    assert_eq!(names.item(1, 2, 3).finish().await, Ok(5));
}
