#[service]
impl Mail {
    fn receive(&self, letter: Letter) {
        drop(self.deliver(letter));
    }

    #[blocking]
    fn deliver(&self, letter: Letter) -> Result<u64, Error> {
        letter.deliver()
    }
}
