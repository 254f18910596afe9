//! Time limits that depend on the data of a state, and on the service.

#[service(response = Packet)]
impl Broker {
    #[state(start, idle = "10s", max_duration = self.settings.longest)]
    async fn connecting(&self, packet: Packet) -> BrokerState {
        self.connect(packet).await
    }

    #[state(idle = online.patience, events_restart_idle)]
    async fn online(&self, online: Online, packet: Packet) -> BrokerState {
        self.handle(online, packet).await
    }

    #[event(online)]
    async fn posted(&self, online: Online, event: Event) -> BrokerState {
        self.post(online, event).await
    }
}
