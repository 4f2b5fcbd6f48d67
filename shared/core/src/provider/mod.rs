//! The providers: how each signs, names its events, and wants to be answered. Each is one file, and one line in [`ALL`].

mod github;
mod profile;
mod renewal;
mod replies;
mod sendro;
mod shopify;
mod slack;
mod standard;
mod stripe;
mod twilio;

use std::{borrow::Cow, fmt};

use http::{Method, StatusCode};
use sluice_signature::{
    Header, Message, Secret,
    explain::{Explained, Layout},
};

pub(crate) use self::github::payload as github_payload;
pub use self::profile::Profile;
pub use self::renewal::{Fresh, Place, Renewal};
pub use self::replies::{BadReply, Reply, TwilioReplies};
pub(crate) use self::twilio::Parameters;
pub use self::{github::GitHub, sendro::Sendro, shopify::Shopify, slack::Slack, standard::Standard, stripe::Stripe, twilio::Twilio};

use crate::{body::Dictionary, secrets::DEFAULT_SOURCE, time::Timestamp};

/// Some of the providers. What serves one alone names no other, so that the others' code is not part of it.
pub type Providers = &'static [&'static dyn Provider];

macro_rules! providers {
    ($($name:literal: $provider:ident),* $(,)?) => {
        /// Every provider that Sluice knows.
        pub static ALL: Providers = &[$(&$provider),*];
        /// Their names, for what handles events and verifies none: it does not bring along how each signs.
        pub const NAMES: &[&str] = &[$($name),*];
    };
}

providers! {
    "stripe": Stripe,
    "twilio": Twilio,
    "github": GitHub,
    "shopify": Shopify,
    "sendro": Sendro,
    "standard": Standard,
    "slack": Slack,
}

/// The one of `providers` with that name.
#[must_use]
pub fn find(providers: Providers, name: &str) -> Option<&'static dyn Provider> {
    providers.iter().copied().find(|provider| provider.name() == name)
}

/// The provider of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Provider> {
    find(ALL, name)
}

/// Where a webhook of a provider came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// Which of the provider's endpoints, where it has several kinds; empty where it has one.
    pub channel: &'a str,
    /// Which of several accounts.
    pub source: &'a str,
}

/// What an event is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The provider's own identity of the event, the same in every redelivery.
    pub key: String,
    /// What happened, in the provider's words.
    pub kind: String,
    /// When, by the provider.
    pub occurred_at: Option<Timestamp>,
    /// Whose event it is, by the provider: the connected account, the shop, the owner of the repository.
    pub account: Option<String>,
}

/// An answer to the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: Cow<'static, str>,
}

impl Answer {
    const fn ok(content_type: &'static str, body: &'static str) -> Self {
        Self { status: StatusCode::OK, content_type, body: Cow::Borrowed(body) }
    }
}

/// The answer of providers that expect JSON.
static RECEIVED: Answer = Answer::ok("application/json", r#"{"received":true}"#);
/// The answer of providers that expect nothing.
static PLAIN_OK: Answer = Answer::ok("text/plain; charset=utf-8", "OK");

/// A verified body that is not what the provider sends.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// One provider of webhooks.
pub trait Provider: Sync {
    /// What is the same for all its events.
    fn profile(&self) -> &'static Profile;

    /// Names a verified event.
    ///
    /// # Errors
    /// [`Malformed`] if the body is not what the provider sends.
    fn name_event(&self, route: &Route<'_>, message: &Message<'_>) -> Result<Named, Malformed>;

    /// Its name in paths, settings and records.
    fn name(&self) -> &'static str {
        self.profile().name
    }

    /// Its name as people write it.
    fn title(&self) -> &'static str {
        self.profile().title
    }

    /// The setting that holds its signing secrets.
    fn secret_setting(&self) -> &'static str {
        self.profile().secret_setting
    }

    /// The secret that `dev` and `send` use unless told otherwise. Everybody knows it.
    fn dev_secret(&self) -> &'static str {
        self.profile().dev_secret
    }

    /// How it signs.
    fn scheme(&self) -> &'static dyn Explained {
        self.profile().scheme
    }

    /// How it lays out its JSON.
    fn layout(&self) -> Layout {
        self.profile().layout
    }

    /// What its bodies have in common, so that they pack small.
    fn dictionary(&self) -> &'static Dictionary {
        self.profile().dictionary
    }

    /// What differs between two of its events.
    fn renewals(&self) -> &'static [Renewal] {
        self.profile().renewals
    }

    /// The request headers worth keeping, in lower case.
    fn kept_headers(&self) -> &'static [&'static str] {
        self.profile().kept_headers
    }

    /// The status of the answer to a missing or wrong signature.
    fn refused(&self) -> StatusCode {
        self.profile().refused
    }

    /// The answer to an accepted event.
    fn accepted(&self, route: &Route<'_>, message: &Message<'_>, replies: &TwilioReplies) -> Answer {
        let _ = (route, message, replies);
        self.profile().accepted.clone()
    }

    /// Reads one of its secrets as it stands in the setting.
    fn read_secret(&self, text: &str) -> Secret {
        Secret::new(text)
    }

    /// Checks that a text can be one of its secrets.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check_secret(&self, text: &str) -> Result<(), &'static str> {
        if text.starts_with(['"', '\'']) {
            return Err("begins with a quotation mark: write the secret alone");
        }
        if self.read_secret(text).is_blank() {
            Err("names what the secret is for, and no secret: write it behind the colon")
        } else {
            Ok(())
        }
    }

    /// Whether it signs the URL, so that Sluice must know under which it is reached.
    fn signs_url(&self) -> bool {
        false
    }

    /// The methods it uses.
    fn methods(&self) -> &'static [Method] {
        const POST: &[Method] = &[Method::POST];
        POST
    }

    /// Reads the path behind the provider's name. `None` if there is nothing.
    fn route<'a>(&self, rest: &[&'a str]) -> Option<Route<'a>> {
        match rest {
            [] => Some(Route { channel: "", source: DEFAULT_SOURCE }),
            [source] if crate::ids::is_source(source) => Some(Route { channel: "", source }),
            _ => None,
        }
    }

    /// The paths at which a source is served.
    fn paths(&self, source: &str) -> Vec<String> {
        let name = self.name();
        vec![if source == DEFAULT_SOURCE { format!("/webhooks/{name}") } else { format!("/webhooks/{name}/{source}") }]
    }

    /// Whether a verified request only tries out the endpoint: it is answered, and leaves nothing behind.
    fn is_trial(&self, message: &Message<'_>) -> bool {
        let _ = message;
        false
    }

    /// Whether a secret may speak for what a message says that it signed.
    fn speaks_for(&self, secret: &Secret, message: &Message<'_>) -> bool {
        let _ = (secret, message);
        true
    }

    /// Whether the URL's query belongs to what an event says.
    fn keeps_query(&self) -> bool {
        false
    }
}

impl fmt::Debug for dyn Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The longest text that names something: keys, types, accounts.
const LONGEST_NAME: usize = 255;

/// A text that can name something: not empty, not endless, of visible ASCII and blanks within.
fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len())
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && !text.starts_with(' ')
        && !text.ends_with(' ')
}

/// The one header of that name, if it can name something.
fn named_header<'a>(message: &Message<'a>, name: &str) -> Result<&'a str, Malformed> {
    match message.header(name) {
        Header::Once(value) => std::str::from_utf8(value)
            .ok()
            .filter(|text| is_name(text))
            .ok_or_else(|| Malformed(format!("its header {name} is empty, too long, or not of ASCII letters"))),
        Header::Absent => Err(Malformed(format!("it has no header {name}"))),
        Header::Repeated => Err(Malformed(format!("its header {name} was sent more than once"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_listed_under_its_name() {
        let names: Vec<_> = ALL.iter().map(|provider| provider.name()).collect();
        assert_eq!(names, NAMES);
    }
}
