//! Mail over SES.

mod mailbox;
mod outcome;

use async_trait::async_trait;
use aws_sdk_ses::{
    Client,
    types::{Body, Content, Destination, Message, MessageTag},
};
use sluice_core::ports::{Mail, Mailer, SendFailure};

pub use mailbox::{BadMailbox, Mailbox};

/// The settings of the mailer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SesConfig {
    /// Who mails are from: an address or domain that is verified in SES.
    pub from: Mailbox,
    /// Where answers go, if not to `from`.
    pub reply_to: Option<Mailbox>,
    /// The configuration set by which SES reports bounces and complaints.
    pub configuration_set: Option<String>,
}

/// Sends mail through SES's API. Never tries a mail again by itself: SES knows no token by which it could tell a repetition.
#[derive(Clone, Debug)]
pub struct SesMailer {
    client: Client,
    config: SesConfig,
}

impl SesMailer {
    /// A mailer with these settings.
    #[must_use]
    pub fn new(client: Client, config: SesConfig) -> Self {
        Self { client, config }
    }
}

#[async_trait]
impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<(), SendFailure> {
        let to = Mailbox::parse(&mail.to).map_err(|bad| SendFailure::Refused(bad.to_string()))?;
        let body = Body::builder().text(content(&mail.text)).html(content(&mail.html)).build();
        let message = Message::builder().subject(content(&mail.subject)).body(body).build();
        let call = self
            .client
            .send_email()
            .source(self.config.from.header())
            .destination(Destination::builder().to_addresses(to.address()).build())
            .message(message)
            .set_reply_to_addresses(self.config.reply_to.as_ref().map(|mailbox| vec![mailbox.header()]))
            .set_configuration_set_name(self.config.configuration_set.clone())
            .tags(tag("event", &mail.event))
            .tags(tag("effect", &mail.id));
        Box::pin(call.send()).await.map(drop).map_err(|error| outcome::of(&error))
    }
}

fn content(text: &str) -> Content {
    Content::builder().data(text).charset("UTF-8").build().expect("the text is set")
}

/// A tag, which SES passes on with bounces and complaints. It takes letters, digits, dashes and underscores only, 255 at most.
fn tag(name: &str, value: &str) -> MessageTag {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let value: String = value.chars().map(allowed).take(255).collect();
    MessageTag::builder().name(name).value(value).build().expect("name and value are set")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_hold_what_ses_takes() {
        assert_eq!(tag("effect", "in_a-B9:mail/2 é").value(), "in_a-B9-mail-2--");
        assert_eq!(tag("effect", &"x".repeat(300)).value().len(), 255);
    }
}
