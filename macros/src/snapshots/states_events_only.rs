//! A state that takes only events, beside one that takes requests and one that takes both.

#[service]
impl Queue {
    #[state(start)]
    async fn ready(&self, peer: &Peer<Reply, Item>, request: Request) -> (Option<Reply>, QueueState) {
        self.waiting.push(peer);
        (None, QueueState::Popping(request.key()))
    }

    #[state(events_only, idle = "30s")]
    async fn popping(&self, key: Key, item: Item) -> (Reply, QueueState) {
        (Reply::of(key, item), QueueState::Ready)
    }

    #[event(ready)]
    async fn too_late(&self, item: Item) -> QueueState {
        self.push_back(item);
        QueueState::Ready
    }
}
