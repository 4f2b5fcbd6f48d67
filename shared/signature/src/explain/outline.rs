/// The form of a header's value: what is long enough to be a signature or a key only by its length, and nothing that plays with a terminal.
pub(super) fn outline(value: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some(first) = rest.first() {
        let length = rest.iter().position(|byte| !is_of_word(*byte)).unwrap_or(rest.len()).max(1);
        let (word, tail) = rest.split_at(length);
        if !is_of_word(*first) {
            text.push(if (b' '..0x7f).contains(first) { char::from(*first) } else { '?' });
        } else if length < LONG {
            text.push_str(&String::from_utf8_lossy(word));
        } else {
            text.push_str(&format!("<{length} {}>", kind(word)));
        }
        rest = tail;
        if text.len() > MOST {
            text.push('…');
            break;
        }
    }
    text
}

/// What is shorter is a word.
const LONG: usize = 16;
const MOST: usize = 300;

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn kind(word: &[u8]) -> &'static str {
    if !word.iter().all(u8::is_ascii_hexdigit) {
        "characters"
    } else if word.iter().any(u8::is_ascii_uppercase) {
        "digits of hex, with capitals"
    } else {
        "digits of hex"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_the_form_alone() {
        for (value, expected) in [
            ("t=1771000000,v1=a27cd5859fc79dc82bc7b44d88165b05", "t=1771000000,v1=<32 digits of hex>"),
            ("sha256=A27CD5859FC79DC82BC7B44D88165B05", "sha256=<32 digits of hex, with capitals>"),
            ("v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1a,x", "v1,<43 characters>= v1a,x"),
            ("\"\x1b[2J\u{e9}", "\"?[2J??"),
            ("", ""),
        ] {
            assert_eq!(outline(value.as_bytes()), expected);
        }
        assert_eq!(outline(&[b','; 1000]).chars().count(), MOST + 2);
        assert_eq!(outline(&[b'a'; 1000]), "<1000 digits of hex>");
    }
}
