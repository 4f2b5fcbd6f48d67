use std::fmt;

use zeroize::Zeroizing;

/// What sender and receiver share, as the provider shows it (`whsec_…`).
///
/// It is wiped from memory when dropped, and shows nothing of itself in logs.
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<str>>);

impl Secret {
    /// Takes the text as it is, blanks included.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself: for computing a signature, never for showing.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it but white space. No scheme verifies or signs with such a secret: anyone could guess it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing_of_itself() {
        assert_eq!(format!("{:?} {:#?}", Secret::new("whsec_a"), Secret::new("whsec_b")), "Secret(…) Secret(…)");
    }

    #[test]
    fn blank() {
        assert!(Secret::new("").is_blank() && Secret::new(" \n").is_blank());
        assert!(!Secret::new(" a ").is_blank());
    }
}
