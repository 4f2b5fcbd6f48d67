use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Explained, Finding, Layout, lay_out, signed};
use crate::{Message, Secret, form::encode};

/// What was done to a body between the sender and here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// JSON was parsed and written again with other white space.
    Reserialised,
    /// A line end was added at the end.
    LineEndAdded,
    /// The line end at the end was cut off.
    LineEndLost,
    /// Line ends became CR LF.
    LineEndsToCrLf,
    /// Line ends became LF.
    LineEndsToLf,
    /// A byte order mark was put before it.
    ByteOrderMarkAdded,
    /// It was encoded as base64.
    Base64,
    /// It was written as a JSON string.
    Quoted,
    /// It was put into an event of API Gateway.
    Wrapped,
    /// The JSON was taken out of the form that it was sent in, as `payload`.
    FormDecoded,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reserialised => {
                "the JSON is laid out differently: the body was parsed and written again. Verify the raw bytes of the request, before any JSON \
                 middleware."
            }
            Self::LineEndAdded => "the line end at its end is removed: an editor or `echo` added it. Save the exact bytes (`printf %s`).",
            Self::LineEndLost => "a line end is added at its end: it was trimmed on the way. Save the exact bytes.",
            Self::LineEndsToCrLf => "its line ends are LF and not CR LF: a tool for Windows converted them. Save the exact bytes.",
            Self::LineEndsToLf => "its line ends are CR LF and not LF: they were converted on the way. Save the exact bytes.",
            Self::ByteOrderMarkAdded => "the byte order mark at its start is removed: an editor added it. Save without it.",
            Self::Base64 => "it is decoded from base64: the gateway encoded it (isBase64Encoded). Decode first, then verify those bytes.",
            Self::Quoted => "it is taken out of the JSON string that it was written into. Verify the raw bytes of the request.",
            Self::Wrapped => "only the body within this API Gateway event is taken, decoded if isBase64Encoded says so.",
            Self::FormDecoded => "it is put back into a form, as payload=…: the webhook is set to send forms. Verify the raw bytes of the request.",
        })
    }
}

/// Every change that, undone, makes the signature fit; one is enough, so the first found is all there is.
pub(super) fn changes(scheme: &dyn Explained, message: &Message<'_>, secrets: &[Secret], now: i64) -> Option<Finding> {
    originals(message.body).into_iter().find_map(|(change, body)| {
        let original = Message { body: &body, ..*message };
        let secret = secrets.iter().position(|secret| signed(scheme, &original, secret, now))?;
        Some(Finding::BodyChanged { change, secret })
    })
}

/// A body that says itself that it is not what was sent.
pub(super) fn lost(message: &Message<'_>) -> Option<Finding> {
    match message.body {
        b"" if message.method != "GET" => Some(Finding::BodyMissing),
        b"[object Object]" => Some(Finding::BodyStringified),
        _ => None,
    }
}

/// What the body may have been before, likely things first.
fn originals(body: &[u8]) -> Vec<(Change, Cow<'_, [u8]>)> {
    let mut originals: Vec<(Change, Cow<'_, [u8]>)> = Vec::new();
    let mut known = |change, original: Cow<'_, [u8]>| originals.push((change, Cow::Owned(original.into_owned())));
    let cut = body.strip_suffix(b"\n").map(|body| body.strip_suffix(b"\r").unwrap_or(body));
    if let Some(cut) = cut {
        known(Change::LineEndAdded, cut.into());
    }
    known(Change::LineEndLost, [body, b"\n"].concat().into());
    known(Change::LineEndsToCrLf, replace(body, b"\r\n", b"\n").into());
    known(Change::LineEndsToLf, replace(&replace(body, b"\r\n", b"\n"), b"\n", b"\r\n").into());
    if let Some(bare) = body.strip_prefix("\u{feff}".as_bytes()) {
        known(Change::ByteOrderMarkAdded, bare.into());
    }
    if let Ok(decoded) = STANDARD.decode(body.trim_ascii()) {
        known(Change::Base64, decoded.into());
    }
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) {
        if let Some(text) = json.as_str() {
            known(Change::Quoted, text.as_bytes().into());
        }
        if let Some(inner) = unwrapped(&json) {
            known(Change::Wrapped, inner.into());
        }
        known(Change::FormDecoded, form(body).into());
        let text = String::from_utf8_lossy(body);
        for layout in Layout::ALL {
            let text = lay_out(&text, layout);
            known(Change::Reserialised, format!("{text}\n").into_bytes().into());
            known(Change::Reserialised, text.into_bytes().into());
        }
    }
    originals
}

/// The body within an event of API Gateway or a function URL.
fn unwrapped(event: &serde_json::Value) -> Option<Vec<u8>> {
    let body = event.get("body")?.as_str()?;
    if event.get("isBase64Encoded")?.as_bool()? { STANDARD.decode(body).ok() } else { Some(body.as_bytes().to_vec()) }
}

/// As GitHub puts JSON into a form.
fn form(json: &[u8]) -> Vec<u8> {
    let mut form = "payload=".to_owned();
    encode(json, &mut form);
    form.into_bytes()
}

fn replace(body: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(from) {
            replaced.extend_from_slice(to);
            rest = after;
        } else {
            replaced.push(*first);
            rest = tail;
        }
    }
    replaced
}
