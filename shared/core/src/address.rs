//! Mail addresses and phone numbers.

/// A phone number in E.164 (ITU-T): a plus and 7 to 15 digits. Blanks, dots, hyphens and brackets between them are taken out.
#[must_use]
pub fn phone(text: &str) -> Option<String> {
    let number: String = text.chars().filter(|character| !" .-()".contains(*character)).collect();
    let digits = number.strip_prefix('+').unwrap_or_default();
    let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    fits.then_some(number)
}

/// Whether a text can be one mail address, and nothing around it. Whether it can get mail, the mail server knows
/// (<https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2>, without quoted local parts and addresses of machines).
#[must_use]
pub fn is_mail_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"".contains(c));
    let atoms = local.split('.').all(|atom| !atom.is_empty());
    let label = |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    clean && text.len() <= 254 && local.len() <= 64 && !local.contains('@') && atoms && domain.contains('.') && domain.split('.').all(label)
}

/// The one mail address in a text that names a mailbox: alone, or in angle brackets behind a name (<https://www.rfc-editor.org/rfc/rfc5322#section-3.4>).
/// `None` if there is none, or more than one could be meant.
#[must_use]
pub fn mailbox(text: &str) -> Option<&str> {
    let text = text.trim();
    let Some(inner) = text.strip_suffix('>') else { return Some(text).filter(|text| is_mail_address(text)) };
    let (name, address) = inner.rsplit_once('<')?;
    let name = name.trim();
    let quoted = name.len() > 1 && name.starts_with('"') && name.ends_with('"');
    // In a name without quotes a comma or the like stands between two mailboxes.
    let one = if quoted { !name[1..name.len() - 1].contains('"') } else { !name.contains(['<', '>', ',', ';', ':', '"']) };
    Some(address.trim()).filter(|address| one && is_mail_address(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_and_nothing_around_it() {
        for address in ["ana@example.com", "a.b+c@mail.example.co.uk", "ärger@exämple.de", "x@1.2"] {
            assert!(is_mail_address(address), "{address}");
        }
        for text in [
            "",
            "ana",
            "@example.com",
            "ana@",
            "ana@localhost",
            "a..b@example.com",
            ".a@example.com",
            "a.@example.com",
            "a@-b.com",
            "a@b-.com",
            "a@b..com",
            "a@b.com.",
            "a b@example.com",
            "Ops <ops@example.com>",
            "a@example.com,b@example.com",
            "a@b@example.com",
            "a@example.com\nBcc: b@example.com",
        ] {
            assert!(!is_mail_address(text), "{text}");
        }
        assert!(!is_mail_address(&format!("a@{}.com", "b".repeat(64))));
        assert!(!is_mail_address(&format!("{}@example.com", "a".repeat(65))));
    }

    #[test]
    fn a_mailbox_is_one_address_with_or_without_a_name() {
        for text in [
            "ana@example.com",
            " ana@example.com ",
            "<ana@example.com>",
            "Ana <ana@example.com>",
            "\"Lima, Ana\" <ana@example.com>",
            "ben@example.com <ana@example.com>",
        ] {
            assert_eq!(mailbox(text), Some("ana@example.com"), "{text}");
        }
        for text in [
            "",
            "<>",
            "Ana",
            "Ana <ana>",
            "ana@example.com, ben@example.com",
            "Ben <ben@example.com>, Ana <ana@example.com>",
            "ben@example.com, Ana <ana@example.com>",
            "friends: ben@example.com, Ana <ana@example.com>",
            "\"Ben\" <ben@example.com>, \"Ana\" <ana@example.com>",
            "Ana <ana@example.com> (home)",
        ] {
            assert_eq!(mailbox(text), None, "{text}");
        }
    }
}
