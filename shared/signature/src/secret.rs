use std::fmt;

use zeroize::Zeroizing;

/// What sender and receiver share, as the provider shows it (`whsec_…`).
///
/// It is wiped from memory when dropped, and shows nothing of itself in logs.
#[derive(Clone)]
pub struct Secret {
    name: Option<Box<str>>,
    text: Zeroizing<Box<str>>,
}

impl Secret {
    /// Takes the text as it is, blanks included.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self { name: None, text: Zeroizing::new(text.into()) }
    }

    /// A secret that counts only for messages which name it: by the account that it belongs to, or by the id of the key.
    #[must_use]
    pub fn named(name: impl Into<Box<str>>, text: impl Into<Box<str>>) -> Self {
        Self { name: Some(name.into()), text: Zeroizing::new(text.into()) }
    }

    /// Another text under the same name.
    #[cfg(feature = "explain")]
    pub(crate) fn with_text(&self, text: &str) -> Self {
        Self { name: self.name.clone(), text: Zeroizing::new(text.into()) }
    }

    /// The name by which messages call it. It is no secret.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The text itself: for computing a signature, never for showing.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Whether there is nothing in it but white space. No scheme verifies or signs with such a secret: anyone could guess it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            None => f.write_str("Secret(…)"),
            Some(name) => write!(f, "Secret({name}: …)"),
        }
    }
}

/// The secrets that have something in them, each with its position.
///
/// # Errors
/// [`NoSecret`] if there is none.
pub(crate) fn filled(secrets: &[Secret]) -> Result<impl Iterator<Item = (usize, &Secret)> + Clone, NoSecret> {
    let filled = secrets.iter().enumerate().filter(|(_, secret)| !secret.is_blank());
    if filled.clone().next().is_none() { Err(NoSecret) } else { Ok(filled) }
}

/// There is no secret, or only blank ones.
#[derive(Debug)]
pub(crate) struct NoSecret;

impl From<NoSecret> for crate::Invalid {
    fn from(_: NoSecret) -> Self {
        Self::NoSecret
    }
}

impl From<NoSecret> for crate::CannotSign {
    fn from(_: NoSecret) -> Self {
        Self::NoSecret
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing_of_itself() {
        assert_eq!(format!("{:?} {:#?}", Secret::new("whsec_a"), Secret::new("whsec_b")), "Secret(…) Secret(…)");
        assert_eq!(format!("{:?}", Secret::named("AC1", "token")), "Secret(AC1: …)");
    }

    #[test]
    fn blank() {
        assert!(Secret::new("").is_blank() && Secret::new(" \n").is_blank() && Secret::named("AC1", "").is_blank());
        assert!(!Secret::new(" a ").is_blank());
    }
}
