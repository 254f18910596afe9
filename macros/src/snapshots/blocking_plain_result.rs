//! What is no `Result`, what is left nested, what is flattened though it is called otherwise, what is
//! nothing.

#[service]
impl Maths {
    #[blocking(pool = self.cpu)]
    fn is_prime(&self, n: u64) -> bool {
        self.sieve.contains(n)
    }

    #[blocking(pool = self.cpu, nested)]
    fn parse(&self, text: String) -> Result<u64, ParseIntError> {
        text.parse()
    }

    #[blocking(pool = self.cpu, flat)]
    fn solve(&self, n: u64) -> Solved {
        self.solver.run(n)
    }

    #[blocking]
    fn warm_up(&self) {
        self.sieve.fill();
    }

    #[blocking]
    fn open(path: PathBuf) -> Self {
        Self { sieve: Sieve::read(path) }
    }
}
