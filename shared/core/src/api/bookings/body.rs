//! The body of `PUT /api/v1/bookings/{id}`, checked field by field.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::{
    address::is_mail_address,
    api::{FieldError, Problem},
    ids::record_id,
    money::Currency,
    records::{BookingPut, BookingStatus},
    time::Timestamp,
};

const FIELDS: [&str; 10] =
    ["customer_name", "customer_email", "customer_phone", "status", "deposit_amount", "currency", "starts_at", "tenant", "metadata", "id"];

/// Reads the owner's word, and says of every field that is wrong what is wrong with it.
pub(super) fn read(body: &[u8], now: Timestamp) -> Result<BookingPut, Problem> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}")))?;
    let Value::Object(fields) = value else {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "the body is not a JSON object"));
    };
    let mut form = Form { fields: &fields, errors: Vec::new() };
    form.known();
    let status = form.optional("status", |value| text(value).and_then(|text| status(&text))).unwrap_or_default();
    let put = BookingPut {
        at: now,
        customer_name: form.required("customer_name", |value| text(value).and_then(|text| filled(text, 200))),
        customer_email: form.optional("customer_email", |value| text(value).and_then(email)),
        customer_phone: form.optional("customer_phone", |value| text(value).and_then(phone)),
        status,
        cancelled_at: (status == BookingStatus::Cancelled).then_some(now),
        deposit_amount: form.required("deposit_amount", amount),
        currency: form.required("currency", |value| text(value).and_then(currency)),
        starts_at: form.optional("starts_at", |value| {
            text(value)?.parse().map_err(|_| "must be an RFC 3339 time, such as 2026-11-22T18:00:00Z".to_owned())
        }),
        tenant: form
            .optional("tenant", |value| text(value).and_then(|id| record_id(&id).map(str::to_owned).map_err(|error| error.to_string()))),
        metadata: form.optional("metadata", metadata).unwrap_or_default(),
    };
    if form.errors.is_empty() { Ok(put) } else { Err(Problem::fields(form.errors)) }
}

struct Form<'a> {
    fields: &'a Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Form<'_> {
    fn known(&mut self) {
        for field in self.fields.keys().filter(|field| !FIELDS.contains(&field.as_str())) {
            let message = "is not a field that can be put".to_owned();
            self.errors.push(FieldError { field: field.clone(), message });
        }
    }

    fn optional<T>(&mut self, field: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let value = self.fields.get(field).filter(|value| !value.is_null())?;
        read(value).map_err(|message| self.errors.push(FieldError { field: field.to_owned(), message })).ok()
    }

    fn required<T: Default>(&mut self, field: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> T {
        if self.fields.get(field).is_none_or(Value::is_null) {
            self.errors.push(FieldError { field: field.to_owned(), message: "is missing".to_owned() });
        }
        self.optional(field, read).unwrap_or_default()
    }
}

fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "must be a text".to_owned())
}

fn filled(text: String, most: usize) -> Result<String, String> {
    let text = text.trim().to_owned();
    match text.chars().count() {
        0 => Err("must not be empty".to_owned()),
        length if length > most => Err(format!("must have at most {most} characters")),
        _ if text.chars().any(char::is_control) => Err("must have no control characters".to_owned()),
        _ => Ok(text),
    }
}

/// The states that an owner can put.
pub(super) fn status(text: &str) -> Result<BookingStatus, String> {
    serde_json::from_value(Value::String(text.to_owned()))
        .map_err(|_| "must be pending, confirmed, payment_pending or cancelled".to_owned())
}

fn email(text: String) -> Result<String, String> {
    let text = filled(text, 254)?;
    if is_mail_address(&text) { Ok(text) } else { Err("must be a mail address, such as ana@example.com".to_owned()) }
}

/// E.164 (ITU-T): a plus and 7 to 15 digits. Blanks, dots, hyphens and brackets between them are taken out.
fn phone(text: String) -> Result<String, String> {
    let number: String = text.chars().filter(|character| !" .-()".contains(*character)).collect();
    let digits = number.strip_prefix('+').unwrap_or_default();
    let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if fits { Ok(number) } else { Err("must be a phone number with its country code, such as +15005550006".to_owned()) }
}

fn amount(value: &Value) -> Result<i64, String> {
    let amount = value.as_i64().filter(|amount| (0..=99_999_999_999).contains(amount));
    amount.ok_or_else(|| "must be a whole number of the currency's smallest unit, such as 6000 for $60.00".to_owned())
}

fn currency(text: String) -> Result<String, String> {
    text.parse::<Currency>().map(|currency| currency.code().to_owned()).map_err(|error| error.to_string())
}

fn metadata(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let wrong = || "must be an object of at most 50 texts of at most 500 characters, with names of at most 40".to_owned();
    let fields = value.as_object().filter(|fields| fields.len() <= 50).ok_or_else(wrong)?;
    let read = |(name, value): (&String, &Value)| {
        let value = value.as_str().filter(|value| value.chars().count() <= 500)?;
        (name.chars().count() <= 40).then(|| (name.clone(), value.to_owned()))
    };
    fields.iter().map(|field| read(field).ok_or_else(wrong)).collect()
}
