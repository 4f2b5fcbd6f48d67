//! Why a put is refused for what the records say: nothing of it is stored.

/// Why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It names something that is another record's, and can only be one's.
    Taken {
        /// The field that names it.
        field: &'static str,
        /// Whose it is, and what to do.
        message: String,
    },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Taken { field, message } => write!(f, "{field} {message}"),
        }
    }
}
