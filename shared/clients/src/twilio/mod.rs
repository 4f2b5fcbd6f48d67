//! Text messages over [Twilio's REST API](https://www.twilio.com/docs/messaging/api/message-resource).

mod answer;
mod config;
mod form;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use sluice_core::{
    ports::{SendFailure, Sms, TextMessage},
    records::Message,
    settings::SmsSettings,
};
use tokio::time::{Instant, timeout_at};

pub use self::config::{TwilioConfig, TwilioConfigProblem};
use self::form::Form;
use crate::https::{connector, with_sources};

/// As much of an answer as is read. Twilio's are about 1 KiB.
const LONGEST_ANSWER: usize = 16 * 1024;

/// Sends text messages through Twilio. Never tries again by itself.
///
/// Each text has a connection of its own: one that was kept could be closed by the other side just as the text goes out, and then
/// nobody knows whether it did.
pub struct TwilioSms {
    client: Client<HttpsConnector<HttpConnector>, Form>,
    messages: Uri,
    authorization: HeaderValue,
    sender: (&'static str, String),
    status_callback: Option<String>,
    timeout: Duration,
}

impl TwilioSms {
    /// A client with these settings. Nothing is sent yet.
    ///
    /// # Errors
    /// Every setting that can't be right.
    pub fn new(config: TwilioConfig) -> Result<Self, Vec<TwilioConfigProblem>> {
        let messages = config.check()?;
        let credentials = STANDARD.encode(format!("{}:{}", config.account_sid, config.auth_token));
        let mut authorization = HeaderValue::try_from(format!("Basic {credentials}")).expect("base64 is a header value");
        authorization.set_sensitive(true);
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).retry_canceled_requests(false).build(connector());
        Ok(Self {
            client,
            messages,
            authorization,
            sender: (config.sender_field(), config.from),
            status_callback: config.status_callback,
            timeout: config.timeout,
        })
    }

    /// The client that the settings ask for; `None` if texts go another way, or nowhere.
    ///
    /// # Errors
    /// Every setting that can't be right, by name.
    pub fn from_settings(settings: &SmsSettings) -> Result<Option<Self>, Vec<String>> {
        let SmsSettings::Twilio { account_sid, auth_token, from, base_url, status_callback } = settings else { return Ok(None) };
        let mut config = TwilioConfig::new(account_sid, auth_token.reveal(), from);
        if let Some(base_url) = base_url {
            config.base_url.clone_from(base_url);
        }
        config.status_callback = status_callback.as_ref().map(|url| url.reveal().to_owned());
        let named =
            |problems: Vec<TwilioConfigProblem>| problems.iter().map(|problem| format!("{}: {problem}", problem.setting())).collect();
        Self::new(config).map(Some).map_err(named)
    }

    fn request(&self, text: &TextMessage, given_out: &Arc<AtomicBool>) -> Request<Form> {
        let mut fields = vec![("To", text.to.as_str()), (self.sender.0, self.sender.1.as_str()), ("Body", text.text.as_str())];
        // Twilio signs the URL with its query, so that the message's id comes back untouched.
        let callback = self.status_callback.as_ref().map(|url| format!("{url}?{}={}", Message::REFERENCE, text.message));
        fields.extend(callback.as_deref().map(|url| ("StatusCallback", url)));
        let mut request = Request::new(Form::new(&fields, Arc::clone(given_out)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.messages.clone();
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        request
    }
}

/// As much of an answer's body as comes until `deadline`. One that breaks off, is late or too long is as good as none: the status decides.
async fn read(body: Incoming, deadline: Instant) -> Bytes {
    match timeout_at(deadline, Limited::new(body, LONGEST_ANSWER).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) | Err(_) => Bytes::new(),
    }
}

#[async_trait]
impl Sms for TwilioSms {
    async fn send(&self, text: &TextMessage) -> Result<Option<String>, SendFailure> {
        let given_out = Arc::new(AtomicBool::new(false));
        let deadline = Instant::now() + self.timeout;
        let why = match timeout_at(deadline, self.client.request(self.request(text, &given_out))).await {
            Ok(Ok(answered)) => {
                let (head, body) = answered.into_parts();
                let body = read(body, deadline).await;
                return if head.status.is_success() { Ok(answer::sid(&body)) } else { Err(answer::failure(head.status, &body)) };
            }
            Ok(Err(error)) => with_sources(&error),
            Err(_) => format!("no answer from Twilio within {:?}", self.timeout),
        };
        // Without its body Twilio can't have taken the request, whatever became of the rest.
        Err(if given_out.load(Ordering::SeqCst) { SendFailure::Unknown(why) } else { SendFailure::NotTaken(why) })
    }
}

#[cfg(test)]
mod tests;
