use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde::Serialize;

use super::Unreadable;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAnswer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    /// Also if there are none: `cargo lambda watch` takes no answer without them.
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

/// The longest text that a function answers with: of Lambda's
/// [6 MB](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html) some are left to spare.
const LONGEST: usize = 6_000_000;
/// No character of a text takes more in JSON, in bytes, for each of its own.
const ESCAPED: usize = 6;

impl HttpAnswer {
    /// Whether Lambda would fail the invocation instead of passing this on.
    pub(crate) fn is_too_large(&self) -> bool {
        // Most answers are far from it, and need not be written twice.
        self.body.len() * ESCAPED > LONGEST / 2 && serde_json::to_string(self).is_ok_and(|text| text.len() > LONGEST)
    }
}

impl From<Response<Bytes>> for HttpAnswer {
    fn from(response: Response<Bytes>) -> Self {
        let (head, body) = response.into_parts();
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        let mut cookies = Vec::new();
        for (name, value) in &head.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            if *name == header::SET_COOKIE {
                cookies.push(value.into_owned());
                continue;
            }
            headers
                .entry(name.as_str().to_owned())
                .and_modify(|before| {
                    before.push_str(", ");
                    before.push_str(&value);
                })
                .or_insert_with(|| value.into_owned());
        }
        let (body, is_base64_encoded) = match std::str::from_utf8(&body) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (STANDARD.encode(&body), true),
        };
        Self { status_code: head.status.as_u16(), headers, cookies, body, is_base64_encoded }
    }
}

impl From<Unreadable> for HttpAnswer {
    fn from(unreadable: Unreadable) -> Self {
        tracing::warn!(%unreadable, "a request was refused");
        let mut response = Response::new(Bytes::from_static(b"The request can't be read.\n"));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_and_bytes_become_base64() {
        let response = Response::builder().status(405).header("Allow", "POST").header("content-type", "text/plain");
        let answer = HttpAnswer::from(response.body(Bytes::from("é\n")).expect("a response"));
        let json = serde_json::to_value(&answer).expect("JSON");
        let expected = serde_json::json!({
            "statusCode": 405,
            "headers": { "allow": "POST", "content-type": "text/plain" },
            "cookies": [],
            "body": "é\n",
            "isBase64Encoded": false,
        });
        assert_eq!(json, expected);

        let answer = HttpAnswer::from(Response::new(Bytes::from_static(&[0xff, 0x00])));
        assert_eq!((answer.body.as_str(), answer.is_base64_encoded), ("/wA=", true));
    }

    #[test]
    fn headers_of_one_name_are_joined_and_cookies_are_not() {
        let response = Response::builder().header("vary", "a").header("vary", "b").header("set-cookie", "a=1").header("set-cookie", "b=2");
        let answer = HttpAnswer::from(response.body(Bytes::new()).expect("a response"));
        assert_eq!(answer.headers["vary"], "a, b");
        assert_eq!(answer.cookies, ["a=1", "b=2"]);
        assert!(!answer.headers.contains_key("set-cookie"));
    }
}
