//! What a caller hears and who writes reads at once: TwiML (<https://www.twilio.com/docs/messaging/twiml>, <https://www.twilio.com/docs/voice/twiml>).

/// The most characters that a text message may have (<https://www.twilio.com/docs/api/errors/21617>).
const LONGEST_MESSAGE: usize = 1600;
/// The most characters that are said (<https://www.twilio.com/docs/voice/twiml/say>), and of a sound's URL.
const LONGEST_SPEECH: usize = 4096;
/// Where a reply quotes the message.
const QUOTE: &str = "{message}";

/// What Twilio is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwilioReplies {
    /// The text that answers a text message, with `{message}` where it is quoted; `None` for no answer.
    pub sms: Option<String>,
    /// What a caller is told; `None` for nothing.
    pub voice: Option<String>,
    /// The URL of a sound that a caller hears after it.
    pub play: Option<String>,
    /// Whether a status callback is answered 204 with nothing, instead of 200 with JSON, which Twilio's console shows as a warning.
    pub empty_status: bool,
}

/// Why a reply can't be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    /// Longer than Twilio takes.
    #[error("is too long: {0} characters at most")]
    TooLong(usize),
    /// Not a URL that Twilio could fetch.
    #[error("must be the URL of a sound, such as https://example.com/hello.mp3")]
    NoUrl,
}

impl TwilioReplies {
    /// The answer to a text message unless set otherwise.
    pub const SMS: &'static str = "Thanks for your message! We received: {message}";
    /// What callers are told unless set otherwise.
    pub const VOICE: &'static str = "Hello! Thank you for calling.";

    /// Checks a text for messages.
    ///
    /// # Errors
    /// [`BadReply`].
    pub fn check_sms(text: &str) -> Result<(), BadReply> {
        if text.chars().count() <= LONGEST_MESSAGE { Ok(()) } else { Err(BadReply::TooLong(LONGEST_MESSAGE)) }
    }

    /// Checks a text for callers.
    ///
    /// # Errors
    /// [`BadReply`].
    pub fn check_voice(text: &str) -> Result<(), BadReply> {
        if text.chars().count() <= LONGEST_SPEECH { Ok(()) } else { Err(BadReply::TooLong(LONGEST_SPEECH)) }
    }

    /// Checks the URL of a sound.
    ///
    /// # Errors
    /// [`BadReply`].
    pub fn check_play(text: &str) -> Result<(), BadReply> {
        let fetched = text.parse::<http::Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some());
        match fetched {
            true if text.len() <= LONGEST_SPEECH => Ok(()),
            true => Err(BadReply::TooLong(LONGEST_SPEECH)),
            false => Err(BadReply::NoUrl),
        }
    }
}

impl Default for TwilioReplies {
    fn default() -> Self {
        Self { sms: Some(Self::SMS.to_owned()), voice: Some(Self::VOICE.to_owned()), play: None, empty_status: false }
    }
}

/// TwiML documents.
#[derive(Debug)]
pub struct Reply(String);

impl Reply {
    /// Answers a text message that said `said`.
    #[must_use]
    pub fn message(text: Option<&str>, said: &str) -> String {
        let mut reply = Self::begin();
        if let Some(text) = text {
            // Quoted as it was written, whatever stands in it, and cut where the whole would get too long.
            let room = LONGEST_MESSAGE.saturating_sub(text.replace(QUOTE, "").chars().count());
            let quotes = text.matches(QUOTE).count().max(1);
            let said: String = said.chars().take(room / quotes).collect();
            reply.element("Message", &text.replace(QUOTE, &said));
        }
        reply.end()
    }

    /// Answers a call.
    #[must_use]
    pub fn voice(say: Option<&str>, play: Option<&str>) -> String {
        let mut reply = Self::begin();
        if let Some(text) = say {
            reply.element("Say", text);
        }
        if let Some(url) = play {
            reply.element("Play", url);
        }
        reply.end()
    }

    fn begin() -> Self {
        Self(r#"<?xml version="1.0" encoding="UTF-8"?><Response>"#.to_owned())
    }

    fn element(&mut self, name: &str, text: &str) {
        self.0 += &format!("<{name}>");
        for c in text.chars() {
            match c {
                '&' => self.0 += "&amp;",
                '<' => self.0 += "&lt;",
                '>' => self.0 += "&gt;",
                '"' => self.0 += "&quot;",
                '\'' => self.0 += "&apos;",
                // XML can't hold these, in whatever spelling (<https://www.w3.org/TR/xml/#charsets>).
                '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
                _ => self.0.push(c),
            }
        }
        self.0 += &format!("</{name}>");
    }

    fn end(mut self) -> String {
        const EMPTY: &str = "<Response>";
        if self.0.ends_with(EMPTY) {
            self.0.truncate(self.0.len() - EMPTY.len());
            self.0 += "<Response/>";
        } else {
            self.0 += "</Response>";
        }
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

    #[test]
    fn the_usual_answers() {
        let replies = TwilioReplies::default();
        assert_eq!(
            Reply::message(replies.sms.as_deref(), "Hi"),
            format!("{HEAD}<Response><Message>Thanks for your message! We received: Hi</Message></Response>")
        );
        assert_eq!(
            Reply::voice(replies.voice.as_deref(), Some("https://example.com/a.mp3?b&c")),
            format!("{HEAD}<Response><Say>Hello! Thank you for calling.</Say><Play>https://example.com/a.mp3?b&amp;c</Play></Response>")
        );
    }

    #[test]
    fn switched_off_they_are_empty() {
        assert_eq!(Reply::message(None, "Hi"), format!("{HEAD}<Response/>"));
        assert_eq!(Reply::voice(None, None), format!("{HEAD}<Response/>"));
    }

    #[test]
    fn a_quote_is_text_and_nothing_else() {
        let reply = Reply::message(Some("You: {message}"), "</Message><Redirect>x</Redirect>{message}\u{0}&");
        let quoted = "You: &lt;/Message&gt;&lt;Redirect&gt;x&lt;/Redirect&gt;{message}&amp;";
        assert_eq!(reply, format!("{HEAD}<Response><Message>{quoted}</Message></Response>"));
    }

    #[test]
    fn settings_are_checked() {
        assert_eq!(TwilioReplies::check_sms(&"x".repeat(1601)), Err(BadReply::TooLong(1600)));
        assert_eq!(TwilioReplies::check_voice(&"x".repeat(4097)), Err(BadReply::TooLong(4096)));
        assert_eq!(TwilioReplies::check_play("hello.mp3"), Err(BadReply::NoUrl));
        assert_eq!(TwilioReplies::check_play("file:///etc/passwd"), Err(BadReply::NoUrl));
        assert_eq!(TwilioReplies::check_play("https://example.com/hello.mp3"), Ok(()));
    }

    proptest! {
        #[test]
        fn any_message_makes_a_reply_that_twilio_takes(said in "\\PC{0,4000}|.{0,3000}", text in "[ -~]{0,40}(\\{message\\}){0,3}[ -~]{0,40}") {
            let reply = Reply::message(Some(&text), &said);
            prop_assert!(reply.len() <= 64_000);
            let inner = reply.strip_prefix(HEAD).and_then(|rest| rest.strip_prefix("<Response><Message>"));
            let inner = inner.and_then(|rest| rest.strip_suffix("</Message></Response>"));
            let inner = inner.expect("one message and nothing else");
            prop_assert!(!inner.contains(['<', '>', '"', '\'', '\0']));
            let plain = ["lt", "gt", "quot", "apos", "amp"].iter().fold(inner.to_owned(), |text, name| text.replace(&format!("&{name};"), "&"));
            prop_assert!(plain.chars().count() <= LONGEST_MESSAGE);
        }
    }
}
