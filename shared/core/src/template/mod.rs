//! The words of every mail and text message.
//!
//! Templates are Jinja, by file name: a mail has `NAME.subject.txt`, `NAME.txt` and `NAME.html`, a text message `NAME.sms.txt`, and
//! every HTML mail is put into `layout.html`. Defaults are compiled in; each can be replaced. All of them are tried at start, so that a
//! mistake in one is found then and not when the first mail is due.

mod booking;
mod catalog;
mod check;
mod examples;
mod shop;
mod staff;
mod subscriber;
mod text;

use std::{collections::BTreeMap, fmt};

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, context, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;

pub use booking::{
    BookingConfirmed, BookingConfirmedUnpaid, BookingFacts, BookingHoldEnded, BookingPaymentFailed, BookingRefunded, BookingReinstated,
};
pub use catalog::{MailTemplate, SmsTemplate};
pub use check::TemplateProblem;
pub use shop::{OrderConfirmed, ShopDataRequest};
pub use staff::{Alert, AlertKind, Difference, LatePayment, SupportMailLeftOut, SupportPayment, SupportTextFailed};
pub use subscriber::{SubscriptionTrouble, Trouble};

/// What one kind of mail says.
pub trait MailContext: Serialize {
    /// The templates it fills.
    const TEMPLATE: MailTemplate;
}

/// What one kind of text message says.
pub trait SmsContext: Serialize {
    /// The template it fills.
    const TEMPLATE: SmsTemplate;
}

/// The words of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedMail {
    /// The subject: always one line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML page, escaped.
    pub html: String,
}

/// A template that passed the checks at start could not be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template {file} can't be filled in: {cause}; mend it, or remove it to use the default")]
pub struct RenderError {
    /// The template's file.
    pub file: String,
    /// Why.
    pub cause: String,
}

/// All templates, checked.
pub struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// The default templates, with those replaced that `overrides` has, by file name.
    ///
    /// # Errors
    /// Every mistake that can be found by reading the templates and by filling them in with examples.
    pub fn new(overrides: BTreeMap<String, String>) -> Result<Self, Vec<TemplateProblem>> {
        let mut environment = empty_environment();
        let problems = check::load(&mut environment, overrides);
        if problems.is_empty() { Ok(Self { environment }) } else { Err(problems) }
    }

    /// The words of a mail.
    ///
    /// # Errors
    /// [`RenderError`] if a replaced template can't cope with this very context.
    pub fn mail<C: MailContext>(&self, context: &C) -> Result<RenderedMail, RenderError> {
        self.render_mail(C::TEMPLATE, &Value::from(Serde(context)))
    }

    /// The words of a text message, in the alphabet of text messages as far as the names in it allow.
    ///
    /// # Errors
    /// [`RenderError`] if a replaced template can't cope with this very context.
    pub fn sms<C: SmsContext>(&self, context: &C) -> Result<String, RenderError> {
        let text = self.render(&C::TEMPLATE.file(), &Value::from(Serde(context)))?;
        Ok(text::gsm_friendly(&text::one_line(&text)))
    }

    fn render_mail(&self, template: MailTemplate, context: &Value) -> Result<RenderedMail, RenderError> {
        let subject = text::one_line(&self.render(&template.subject_file(), context)?);
        let text = format!("{}\n", self.render(&template.text_file(), context)?.trim());
        let body = self.render(&template.html_file(), context)?;
        let page = context! { subject => &subject, body => Value::from_safe_string(body) };
        let html = self.render(catalog::LAYOUT_FILE, &page)?;
        Ok(RenderedMail { subject, text, html })
    }

    fn render(&self, file: &str, context: &Value) -> Result<String, RenderError> {
        let rendered = self.environment.get_template(file).and_then(|template| template.render(context.clone()));
        rendered.map_err(|error| RenderError { file: file.to_owned(), cause: error.to_string() })
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates").finish_non_exhaustive()
    }
}

/// The rules all templates share: nothing undefined, nothing missing printed as `none`, blocks on their own line leave no line behind.
fn empty_environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the standard delimiters"));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(|out, state, value| {
        if value.is_none() {
            let advice = "a value that may be missing is printed: put it inside {% if ... %}";
            return Err(Error::new(ErrorKind::InvalidOperation, advice));
        }
        minijinja::escape_formatter(out, state, value)
    });
    environment.add_filter("short", |value: String, longest: usize| text::short(&value, longest));
    environment
}

#[cfg(test)]
mod tests;
