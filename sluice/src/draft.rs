//! An event that is about to be sent: a sample's headers, and what its body says, until it is written and signed.

use std::collections::BTreeMap;

use sluice_signature::{
    Form,
    explain::{Layout, lay_out},
};

use crate::{
    json::{BadPath, Json},
    samples::Request,
};

/// An event in the making.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The headers, without the signature.
    pub(crate) headers: BTreeMap<String, String>,
    content: Content,
}

/// What a body says.
#[derive(Clone, Debug)]
enum Content {
    Json(Json),
    /// The parameters of a form, in their order.
    Form(Vec<(String, String)>),
    /// JSON as the only parameter of a form, under [`PAYLOAD`].
    Payload(Json),
}

/// As GitHub calls it.
const PAYLOAD: &str = "payload";

impl Draft {
    /// Reads a sample. `None` if its body is neither JSON nor a form.
    pub(crate) fn read(request: &Request) -> Option<Self> {
        let is_form = request.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("content-type") && value.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
        });
        let content = if is_form { read_form(&request.body)? } else { Content::Json(serde_json::from_str(&request.body).ok()?) };
        Some(Self { headers: request.headers.clone(), content })
    }

    /// Sets a header, in place of one of that name in whatever case.
    pub(crate) fn set_header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.retain(|found, _| !found.eq_ignore_ascii_case(name));
        self.headers.insert(name.to_owned(), value.into());
    }

    /// Sets what a person typed: a parameter, or a place in JSON.
    pub(crate) fn set_typed(&mut self, path: &str, value: &str) -> Result<(), BadPath> {
        match &mut self.content {
            Content::Json(json) | Content::Payload(json) => json.set(path, Json::typed(value)),
            Content::Form(parameters) => set_parameter(parameters, path, value),
        }
    }

    /// Sets a text.
    pub(crate) fn set_text(&mut self, path: &str, value: &str) -> Result<(), BadPath> {
        match &mut self.content {
            Content::Json(json) | Content::Payload(json) => json.set(path, Json::text(value)),
            Content::Form(parameters) => set_parameter(parameters, path, value),
        }
    }

    /// Sets a number.
    pub(crate) fn set_number(&mut self, path: &str, value: i64) -> Result<(), BadPath> {
        match &mut self.content {
            Content::Json(json) | Content::Payload(json) => json.set(path, Json::number(value)),
            Content::Form(parameters) => set_parameter(parameters, path, &value.to_string()),
        }
    }

    /// Whether there is anything at a place.
    pub(crate) fn has(&self, path: &str) -> bool {
        match &self.content {
            Content::Json(json) | Content::Payload(json) => json.has(path),
            Content::Form(parameters) => parameters.iter().any(|(name, _)| name == path),
        }
    }

    /// Whether there is a number at a place: a form knows none.
    pub(crate) fn is_number(&self, path: &str) -> bool {
        match &self.content {
            Content::Json(json) | Content::Payload(json) => json.is_number(path),
            Content::Form(_) => false,
        }
    }

    /// The body, with its JSON laid out like that.
    pub(crate) fn body(&self, layout: Layout) -> String {
        match &self.content {
            Content::Json(json) => lay_out(&json.to_string(), layout),
            Content::Form(parameters) => Form::write(parameters.iter().map(|(name, value)| (&name[..], &value[..]))),
            Content::Payload(json) => Form::write([(PAYLOAD, &lay_out(&json.to_string(), layout)[..])]),
        }
    }
}

fn read_form(body: &str) -> Option<Content> {
    let form = Form::parse(body.as_bytes()).ok()?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let parameters: Vec<_> = form.pairs().map(|(name, value)| Some((text(name)?, text(value)?))).collect::<Option<_>>()?;
    Some(match &parameters[..] {
        [(name, value)] if name == PAYLOAD => Content::Payload(serde_json::from_str(value).ok()?),
        _ => Content::Form(parameters),
    })
}

/// A parameter keeps its place; one that was there more than once is there once.
fn set_parameter(parameters: &mut Vec<(String, String)>, name: &str, value: &str) -> Result<(), BadPath> {
    if name.is_empty() {
        return Err(BadPath::NoName);
    }
    let at = parameters.iter().position(|(found, _)| found == name).unwrap_or(parameters.len());
    parameters.retain(|(found, _)| found != name);
    parameters.insert(at, (name.to_owned(), value.to_owned()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: &str) -> Draft {
        let headers = [("content-type".to_owned(), "application/x-www-form-urlencoded; charset=UTF-8".to_owned())].into();
        Draft::read(&Request { method: "POST".to_owned(), path: "/".to_owned(), headers, body: body.to_owned() }).expect("a form")
    }

    #[test]
    fn parameters_change_in_their_place() {
        let mut draft = form("MessageSid=SM1&Body=a+b&Body=c&Empty=");
        assert!(draft.has("Empty") && !draft.has("SmsSid"));
        draft.set_typed("Body", "1 + 1 = 2 & é").expect("a parameter");
        draft.set_typed("data.object", "7").expect("dots mean nothing in a form");
        assert_eq!(draft.body(Layout::Compact), "MessageSid=SM1&Body=1+%2B+1+%3D+2+%26+%C3%A9&Empty=&data.object=7");
        assert_eq!(draft.set_typed("", "x"), Err(BadPath::NoName));
    }

    #[test]
    fn a_payload_is_changed_as_the_json_that_it_is() {
        let mut draft = form("payload=%7B%22a%22%3A%7B%22b%22%3A1%7D%7D");
        draft.set_typed("a.b", "2").expect("there");
        assert!(draft.has("a.b") && !draft.has("payload"));
        assert_eq!(draft.body(Layout::Compact), "payload=%7B%22a%22%3A%7B%22b%22%3A2%7D%7D");
    }

    #[test]
    fn a_header_is_there_once() {
        let mut draft = form("a=1");
        draft.set_header("Content-Type", "text/plain");
        assert_eq!(draft.headers.into_iter().collect::<Vec<_>>(), [("Content-Type".to_owned(), "text/plain".to_owned())]);
    }
}
