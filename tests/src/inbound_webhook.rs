//! Webhooks of all providers, made out of the samples.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::Value;
use sluice::samples::Sample;
use sluice_core::{
    envelope::event_id,
    provider::{self, Provider, Route},
    secrets::DEFAULT_SOURCE,
};
use sluice_signature::{Form, Message};

use crate::{SignedRequest, seconds_now};

/// A webhook of any provider, until it is signed.
#[derive(Clone)]
pub struct InboundWebhook {
    provider: &'static dyn Provider,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl InboundWebhook {
    /// A sample as it is.
    ///
    /// # Panics
    /// If there is no such sample.
    #[must_use]
    pub fn sample(provider: &str, name: &str) -> Self {
        let request = Sample::find(provider, name).unwrap_or_else(|| panic!("there is no sample {name} of {provider}")).request();
        let provider = provider::by_name(provider).expect("who has samples is known");
        Self { provider, path: request.path, headers: request.headers, body: request.body }
    }

    /// The provider's name.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        self.provider.name()
    }

    /// Where it is posted to.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same with the whole of its path, headers and body rewritten.
    #[must_use]
    pub fn rewritten(mut self, rewrite: impl Fn(&str) -> String) -> Self {
        self.path = rewrite(&self.path);
        self.headers.values_mut().for_each(|value| *value = rewrite(value));
        self.body = rewrite(&self.body);
        self
    }

    /// The same at another path or query.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The same with a header set.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    /// The same with a field set: in JSON at a pointer (RFC 6901), whose last name may be new; in a form the parameter of that name.
    ///
    /// # Panics
    /// If a pointer leads nowhere.
    #[must_use]
    pub fn set(mut self, field: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.body = match serde_json::from_str::<Value>(&self.body) {
            Ok(mut json) => {
                let (parent, name) = field.rsplit_once('/').expect("a pointer begins with a slash");
                let place = json.pointer_mut(parent).and_then(Value::as_object_mut);
                place.unwrap_or_else(|| panic!("there is no {parent} in {}", self.body)).insert(name.to_owned(), value);
                json.to_string()
            }
            Err(_) => with_parameter(&self.body, field, value.as_str().expect("a parameter is a text")),
        };
        self
    }

    /// The id of its event record.
    ///
    /// # Panics
    /// If the provider does not know its own webhook.
    #[must_use]
    pub fn inbound_id(&self) -> String {
        event_id(self.provider.name(), DEFAULT_SOURCE, &self.key())
    }

    /// The provider's own id of the event.
    ///
    /// # Panics
    /// If the provider does not know its own webhook.
    #[must_use]
    pub fn key(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let channel = ["sms-status", "sms", "voice"].into_iter().find(|channel| path.ends_with(channel)).unwrap_or_default();
        let route = Route { channel, source: DEFAULT_SOURCE };
        let headers = self.header_bytes();
        let message = Message { method: "POST", url: &self.path, headers: &headers, body: self.body.as_bytes() };
        self.provider.name_event(&route, &message).unwrap_or_else(|error| panic!("{}: {error}", self.path)).key
    }

    /// As it is sent without a signature.
    #[must_use]
    pub fn unsigned(&self) -> SignedRequest {
        let headers = self.headers.iter().map(|(name, value)| header(name, value)).collect();
        SignedRequest { headers, body: Bytes::from(self.body.clone()) }
    }

    /// Signed with `secret`, now, for a gateway that is reached at `public_url`: Twilio signs the URL, the others none.
    ///
    /// # Panics
    /// If the secret is none.
    #[must_use]
    pub fn signed(&self, secret: &str, public_url: &str) -> SignedRequest {
        let url = format!("{public_url}{}", self.path);
        let headers = self.header_bytes();
        let message = Message { method: "POST", url: &url, headers: &headers, body: self.body.as_bytes() };
        let secret = self.provider.read_secret(secret);
        let signed = self.provider.scheme().sign(&message, std::slice::from_ref(&secret), seconds_now()).expect("there is a secret");
        let mut request = self.unsigned();
        request.headers.extend(signed.headers.iter().map(|(name, value)| header(name, value)));
        request
    }

    fn header_bytes(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
    }
}

fn header(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    (name.parse().expect("a name"), value.parse().expect("a value"))
}

fn with_parameter(form: &str, name: &str, value: &str) -> String {
    let form = Form::parse(form.as_bytes()).expect("a sample is JSON or a form");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut parameters: Vec<_> = form.pairs().map(|(name, value)| (text(name), text(value))).collect();
    match parameters.iter_mut().find(|(found, _)| found == name) {
        Some((_, known)) => value.clone_into(known),
        None => parameters.push((name.to_owned(), value.to_owned())),
    }
    Form::write(parameters.iter().map(|(name, value)| (&name[..], &value[..])))
}
