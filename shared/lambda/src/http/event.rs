use std::{collections::BTreeMap, fmt::Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header, request::Parts};
use serde::Deserialize;

/// A request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpEvent {
    raw_path: String,
    // Left out by API Gateway if there is nothing; `cargo lambda watch` sends null.
    #[serde(default)]
    raw_query_string: Option<String>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    /// Several headers of one name come as one, separated by commas.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Clone, Debug, Deserialize)]
struct RequestContext {
    #[serde(default)]
    stage: Option<String>,
    http: RequestLine,
}

#[derive(Clone, Debug, Deserialize)]
struct RequestLine {
    method: String,
}

/// A request that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request can't be read: {0}")]
pub struct Unreadable(&'static str);

impl HttpEvent {
    /// The request as it was sent: its path without the stage, its query untouched, its body's exact bytes.
    ///
    /// # Errors
    /// [`Unreadable`] for what no client of HTTP sends.
    pub fn into_request(self) -> Result<(Parts, Bytes), Unreadable> {
        let method = Method::from_bytes(self.request_context.http.method.as_bytes()).map_err(|_| Unreadable("its method"))?;
        let path = without_stage(&self.raw_path, self.request_context.stage.as_deref().unwrap_or_default());
        let uri = uri(path, self.raw_query_string.as_deref().unwrap_or_default()).ok_or(Unreadable("its path"))?;
        let body = match self.body {
            None => Bytes::new(),
            Some(body) if self.is_base64_encoded => STANDARD.decode(body).map_err(|_| Unreadable("its body is no base64"))?.into(),
            Some(body) => body.into(),
        };
        let (mut parts, ()) = Request::new(()).into_parts();
        (parts.method, parts.uri) = (method, uri);
        // What can't be a header of HTTP did not come over HTTP.
        let headers =
            self.headers.iter().filter_map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, HeaderValue::try_from(value).ok()?)));
        parts.headers.extend(headers);
        if let Ok(cookies) = HeaderValue::try_from(self.cookies.unwrap_or_default().join("; "))
            && !cookies.is_empty()
        {
            parts.headers.insert(header::COOKIE, cookies);
        }
        Ok((parts, body))
    }
}

/// The path without the name of the stage, by which a path begins unless the stage is the default one.
fn without_stage<'a>(path: &'a str, stage: &str) -> &'a str {
    if stage.is_empty() || stage == "$default" {
        return path;
    }
    let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
    rest.filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path)
}

fn uri(path: &str, query: &str) -> Option<Uri> {
    let mut text = String::with_capacity(path.len() + query.len() + 2);
    if !path.starts_with('/') {
        text.push('/');
    }
    // The path comes decoded: what can't stand in one is encoded again. The query comes as it was sent.
    encode(path, "\"#<>?\\^`{|}", &mut text);
    if !query.is_empty() {
        text.push('?');
        encode(query, "\"#<>", &mut text);
    }
    text.parse().ok()
}

fn encode(text: &str, special: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !special.as_bytes().contains(&byte) {
            into.push(char::from(byte));
        } else {
            write!(into, "%{byte:02X}").expect("writing to memory can't fail");
        }
    }
}

#[cfg(test)]
mod tests;
