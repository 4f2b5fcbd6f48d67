/// Why a webhook was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rejection {
    /// The provider does not use this method.
    Method,
    /// The source has no secret.
    UnknownSource,
    /// The body is over the limit.
    TooLarge,
    /// The body is large, and came so slowly that it kept others from being read.
    TooSlow,
    /// The signature is missing or wrong.
    Signature {
        /// In what way, as the log says it: [`sluice_signature::Invalid::code`].
        code: &'static str,
    },
    /// By another method than POST, and not signed: most likely somebody who looks what is there.
    Unsigned,
    /// Signed rightly, and not what the provider sends.
    Malformed,
    /// There is no room for its body now: the sender is told to send it again.
    NoRoom,
    /// The queue did not confirm it: the sender is told to send it again.
    NotQueued,
}

impl Rejection {
    /// The reason's name, for metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::UnknownSource => "unknown_source",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Signature { .. } => "signature",
            Self::Unsigned => "unsigned",
            Self::Malformed => "malformed",
            Self::NoRoom => "no_room",
            Self::NotQueued => "not_queued",
        }
    }

    /// In what way the signature is missing or wrong, for metrics.
    #[must_use]
    pub fn code(self) -> Option<&'static str> {
        match self {
            Self::Signature { code } => Some(code),
            _ => None,
        }
    }
}
