//! Free functions: the shared pool, an alias of `Result`, type parameters.

#[blocking]
/// Reads a file.
pub fn read<P: Into<PathBuf> + Send + 'static>(path: P) -> io::Result<Vec<u8>> {
    std::fs::read(path.into())
}

#[blocking(pool = HASHERS, deadline = limit())]
fn hash<const N: usize>(bytes: [u8; N]) -> Hash
where
    [u8; N]: Send,
{
    Hash::of(&bytes)
}
