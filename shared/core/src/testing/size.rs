/// How large the long suites are: `SLUICE_TEST_SIZE=large` makes them search for minutes what they otherwise search for seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestSize {
    /// For every run, and for CI.
    Small,
    /// For a person who wants to know.
    Large,
}

impl TestSize {
    /// The size that the environment asks for; small unless it says `large`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the gateway")]
    pub fn of_this_run() -> Self {
        match std::env::var("SLUICE_TEST_SIZE") {
            Ok(size) if size == "large" => Self::Large,
            _ => Self::Small,
        }
    }

    /// What belongs to the size.
    #[must_use]
    pub fn pick<T>(self, small: T, large: T) -> T {
        match self {
            Self::Small => small,
            Self::Large => large,
        }
    }
}
