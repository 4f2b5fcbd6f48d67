//! White space in JSON, changed without touching anything else: numbers, escapes and the order of keys stay as they were written.

/// A way to lay JSON out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// On one line, with nothing between: `{"a":[1,2]}`.
    Compact,
    /// On one line, with a blank after commas and colons, as Python writes.
    Spaced,
    /// Every member on its own line, indented by this text for each level; what is empty stays closed (`{}`, `[]`).
    Indented(&'static str),
    /// Indented by two spaces, and what is empty is opened, as Stripe writes: `{`, a line end, `}`, and `[`, two line ends, `]`. (So the lengths of
    /// its events come out to the byte.)
    Stripe,
}

impl Layout {
    /// The ways that providers write, and JSON libraries by default or when told to.
    pub const ALL: [Self; 6] =
        [Self::Stripe, Self::Indented("  "), Self::Compact, Self::Spaced, Self::Indented("    "), Self::Indented("\t")];

    const fn indent(self) -> Option<&'static str> {
        match self {
            Self::Compact | Self::Spaced => None,
            Self::Indented(indent) => Some(indent),
            Self::Stripe => Some("  "),
        }
    }
}

/// Writes valid JSON anew. Of what is no JSON it makes something, but never panics.
#[must_use]
pub fn lay_out(json: &str, layout: Layout) -> String {
    let comma = if layout == Layout::Spaced { ", " } else { "," };
    let colon = if layout == Layout::Compact { ":" } else { ": " };
    let mut text = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut before = "";
    for token in Tokens(json) {
        let opened = matches!(before, "{" | "[");
        let closes = matches!(token, "}" | "]");
        if closes {
            depth = depth.saturating_sub(1);
            if !opened || layout == Layout::Stripe {
                let blank_line = before == "[";
                if blank_line {
                    text.push('\n');
                }
                new_line(&mut text, layout, depth);
            }
        } else if opened || before == "," {
            new_line(&mut text, layout, depth);
        }
        match token {
            "," => text.push_str(comma),
            ":" => text.push_str(colon),
            _ => text.push_str(token),
        }
        if matches!(token, "{" | "[") {
            depth += 1;
        }
        before = token;
    }
    text
}

fn new_line(text: &mut String, layout: Layout, depth: usize) {
    if let Some(indent) = layout.indent() {
        text.push('\n');
        for _ in 0..depth {
            text.push_str(indent);
        }
    }
}

/// Brackets, commas, colons, strings with their quotation marks, and runs of anything else.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start_matches([' ', '\t', '\r', '\n']);
        let first = *text.as_bytes().first()?;
        let length = match first {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => string_length(text.as_bytes()),
            _ => text.find(['{', '}', '[', ']', ',', ':', '"', ' ', '\t', '\r', '\n']).unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at(length);
        self.0 = rest;
        Some(token)
    }
}

fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPACT: &str = r#"{"b":[1.50,{}],"a":"x, \"y\": [é]","c":[]}"#;
    const SPACED: &str = r#"{"b": [1.50, {}], "a": "x, \"y\": [é]", "c": []}"#;
    const TWO: &str = "{\n  \"b\": [\n    1.50,\n    {}\n  ],\n  \"a\": \"x, \\\"y\\\": [é]\",\n  \"c\": []\n}";
    const STRIPE: &str = "{\n  \"b\": [\n    1.50,\n    {\n    }\n  ],\n  \"a\": \"x, \\\"y\\\": [é]\",\n  \"c\": [\n\n  ]\n}";

    #[test]
    fn layouts_turn_into_each_other_and_touch_nothing_else() {
        for from in Layout::ALL {
            let text = lay_out(COMPACT, from);
            for (to, expected) in
                [(Layout::Compact, COMPACT), (Layout::Spaced, SPACED), (Layout::Indented("  "), TWO), (Layout::Stripe, STRIPE)]
            {
                assert_eq!(lay_out(&text, to), expected, "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn what_is_no_json_is_no_reason_to_panic() {
        for text in ["", "\"", "\"\\", "}}}]", "{,:", "é\"é", "\u{feff}{}"] {
            for layout in Layout::ALL {
                let _ = lay_out(text, layout);
            }
        }
    }
}
