use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use serde_json::{Value, json};

use crate::{Answer, Client};

/// What the emulator tells the account and region by. It checks no signature.
const CREDENTIALS: &str = "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/service/aws4_request, SignedHeaders=host, Signature=00";

/// AWS's services, at one endpoint.
#[derive(Clone)]
pub(super) struct Service {
    client: Client,
}

impl Service {
    pub(super) fn at(endpoint: &str) -> Self {
        Self { client: Client::new(endpoint, None) }
    }

    /// A client of the HTTP API whose address on AWS is `url`, which the emulator knows by the first name of its host.
    pub(super) fn api(&self, url: &str, key: &str) -> Client {
        let host = url.strip_prefix("https://").and_then(|rest| rest.split('.').next()).expect("API Gateway's own address");
        let (_, port) = self.client.base().rsplit_once(':').expect("an endpoint with a port");
        Client::new(self.client.base(), Some(key)).with_host(&format!("{host}.execute-api.localhost:{port}"))
    }

    /// The current value of a secret.
    pub(super) fn secret(&self, id: &str) -> String {
        let answer = self.call("secretsmanager", "secretsmanager.GetSecretValue", &json!({ "SecretId": id }));
        answer["SecretString"].as_str().expect("a text").to_owned()
    }

    pub(super) fn put_secret(&self, id: &str, value: &str) {
        self.call("secretsmanager", "secretsmanager.PutSecretValue", &json!({ "SecretId": id, "SecretString": value }));
    }

    /// Confirms an address, which on AWS the owner does by following a mail.
    pub(super) fn verify_sender(&self, address: &str) {
        let form = format!("Action=VerifyEmailIdentity&Version=2010-12-01&EmailAddress={}", address.replace('@', "%40"));
        let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        self.send("ses", vec![(header::CONTENT_TYPE, content_type)], form.into()).expect(200);
    }

    /// All mails that the emulator has captured, in order. An account has no way to read what it has sent.
    pub(super) fn mails(&self) -> Vec<Value> {
        let answer = self.client.get("/_ministack/ses/messages").expect(200).json();
        let accounts = answer["messages"].as_object().expect("accounts");
        accounts.values().flat_map(|mails| mails.as_array().expect("mails")).cloned().collect()
    }

    /// The environment variables of the function whose name begins like this.
    pub(super) fn environment(&self, function: &str) -> BTreeMap<String, String> {
        let credentials = HeaderValue::from_str(&CREDENTIALS.replace("/service/", "/lambda/")).expect("a header value");
        let headers = vec![(header::AUTHORIZATION, credentials)];
        let answer = self.client.send(Method::GET, "/2015-03-31/functions/?MaxItems=50", headers, Bytes::new()).expect(200).json();
        let mut functions = answer["Functions"].as_array().expect("functions").iter();
        let found = functions.find(|found| found["FunctionName"].as_str().is_some_and(|name| name.starts_with(function)));
        let variables = &found.unwrap_or_else(|| panic!("there is no function {function}: {answer}"))["Environment"]["Variables"];
        let text = |(name, value): (&String, &Value)| (name.clone(), value.as_str().expect("a text").to_owned());
        variables.as_object().expect("variables").iter().map(text).collect()
    }

    /// Where the services are.
    pub(super) fn endpoint(&self) -> &str {
        self.client.base()
    }

    /// Calls an operation of a service whose protocol is JSON.
    pub(super) fn call(&self, service: &str, operation: &str, request: &Value) -> Value {
        let headers = vec![
            (header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0")),
            (HeaderName::from_static("x-amz-target"), HeaderValue::from_str(operation).expect("a name")),
        ];
        let answer = self.send(service, headers, request.to_string().into()).expect(200);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    fn send(&self, service: &str, mut headers: Vec<(HeaderName, HeaderValue)>, body: Bytes) -> Answer {
        let credentials = CREDENTIALS.replace("/service/", &format!("/{service}/"));
        headers.push((header::AUTHORIZATION, HeaderValue::from_str(&credentials).expect("a header value")));
        self.client.send(Method::POST, "/", headers, body)
    }
}
