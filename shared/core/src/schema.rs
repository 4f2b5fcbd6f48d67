//! What is answered, as JSON Schema (draft 2020-12, which OpenAPI 3.1 takes over), out of the very types that are serialised: a field that is added to one
//! is in its schema, too.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json, value::RawValue};

use crate::time::Timestamp;

/// The schemas that have a name of their own, by that name; others refer to them.
pub type Named = Map<String, Value>;

/// What a reference to a schema of that name begins with.
pub(crate) const NAMED: &str = "#/components/schemas/";

/// A type that says what its JSON looks like.
pub trait Described {
    /// Its schema. One that has a name is put among `named`, and what is returned refers to it.
    fn schema(named: &mut Named) -> Value;
}

/// Declares a struct that is serialised, and describes it: `struct View as "Delivery" { … }` has the name `Delivery` in the API's description. The fields'
/// comments are their descriptions. A field that is written `..view: View` has its own fields stand among those of the struct.
macro_rules! described {
    (
        $(#[doc = $about:literal])*
        #[derive($($derive:ident),* $(,)?)]
        $visibility:vis struct $name:ident as $title:literal {
            $($(#[doc = $doc:literal])* $field_visibility:vis $field:ident: $type:ty,)*
            $(
                ..$base:ident: $base_type:ty,
                $($(#[doc = $later_doc:literal])* $later_visibility:vis $later:ident: $later_type:ty,)*
            )?
        }
    ) => {
        $(#[doc = $about])*
        #[derive($($derive),*)]
        $visibility struct $name {
            $($(#[doc = $doc])* $field_visibility $field: $type,)*
            $(
                #[serde(flatten)]
                $base: $base_type,
                $($(#[doc = $later_doc])* $later_visibility $later: $later_type,)*
            )?
        }

        impl $crate::schema::Described for $name {
            fn schema(named: &mut $crate::schema::Named) -> serde_json::Value {
                if !named.contains_key($title) {
                    let base: Vec<serde_json::Value> = vec![$(<$base_type as $crate::schema::Described>::schema(named))?];
                    let fields = vec![
                        $((stringify!($field), concat!($($doc),*), <$type as $crate::schema::Described>::schema(named)),)*
                        $($((
                            stringify!($later),
                            concat!($($later_doc),*),
                            <$later_type as $crate::schema::Described>::schema(named),
                        ),)*)?
                    ];
                    $crate::schema::name_object(named, $title, concat!($($about),*), &base, fields);
                }
                $crate::schema::refer($title)
            }
        }
    };
}

/// Describes an enum whose variants are serialised as words. Every variant must be named, or it does not compile.
macro_rules! described_words {
    ($type:ident: $($variant:ident),* $(,)?) => {
        impl $crate::schema::Described for $type {
            fn schema(_: &mut $crate::schema::Named) -> serde_json::Value {
                const fn is_listed(word: $type) -> bool {
                    match word {
                        $($type::$variant)|* => true,
                    }
                }
                let words = [$($type::$variant),*];
                debug_assert!(words.into_iter().all(is_listed));
                serde_json::json!({ "type": "string", "enum": words })
            }
        }
    };
}

pub(crate) use {described, described_words};

/// The schema of that name, where it is used.
pub(crate) fn refer(title: &str) -> Value {
    json!({ "$ref": format!("{NAMED}{title}") })
}

/// Puts the schema of an object among `named`: the fields of `base`, if it refers to one, and then these, each with its name, description and schema. All of
/// them are always there.
pub(crate) fn name_object(named: &mut Named, title: &str, about: &str, base: &[Value], fields: Vec<(&str, &str, Value)>) {
    let base = base.first().and_then(|base| base["$ref"].as_str()).and_then(|target| named.get(target.strip_prefix(NAMED)?));
    let part = |name: &str| base.map(|base| base[name].clone());
    let mut properties = part("properties").and_then(|properties| properties.as_object().cloned()).unwrap_or_default();
    let mut required = part("required").and_then(|required| required.as_array().cloned()).unwrap_or_default();
    for (field, doc, mut schema) in fields {
        let field = field.trim_start_matches("r#");
        if !doc.is_empty() {
            schema["description"] = json!(doc.trim());
        }
        properties.insert(field.to_owned(), schema);
        required.push(json!(field));
    }
    let schema = json!({ "type": "object", "description": about.trim(), "properties": properties, "required": required });
    named.insert(title.to_owned(), schema);
}

/// The schema of what is like `schema`, or null.
pub(crate) fn nullable(mut schema: Value) -> Value {
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    match schema.get("type").cloned() {
        Some(kind @ Value::String(_)) => {
            schema["type"] = json!([kind, "null"]);
            schema
        }
        None if schema.get("$ref").is_some() => json!({ "anyOf": [schema, { "type": "null" }] }),
        _ => schema,
    }
}

impl<T: Described> Described for Option<T> {
    fn schema(named: &mut Named) -> Value {
        nullable(T::schema(named))
    }
}

impl<T: Described> Described for Vec<T> {
    fn schema(named: &mut Named) -> Value {
        json!({ "type": "array", "items": T::schema(named) })
    }
}

impl<T: Described> Described for BTreeMap<String, T> {
    fn schema(named: &mut Named) -> Value {
        json!({ "type": "object", "additionalProperties": T::schema(named) })
    }
}

/// Any JSON.
impl Described for Value {
    fn schema(_: &mut Named) -> Value {
        json!({})
    }
}

/// Any JSON.
impl Described for Box<RawValue> {
    fn schema(_: &mut Named) -> Value {
        json!({})
    }
}

/// An object of which nothing else is said.
impl Described for Map<String, Value> {
    fn schema(_: &mut Named) -> Value {
        json!({ "type": "object", "additionalProperties": true })
    }
}

impl Described for String {
    fn schema(_: &mut Named) -> Value {
        json!({ "type": "string" })
    }
}

impl Described for &'static str {
    fn schema(named: &mut Named) -> Value {
        String::schema(named)
    }
}

impl Described for bool {
    fn schema(_: &mut Named) -> Value {
        json!({ "type": "boolean" })
    }
}

impl Described for u16 {
    fn schema(named: &mut Named) -> Value {
        u64::schema(named)
    }
}

impl Described for usize {
    fn schema(named: &mut Named) -> Value {
        u64::schema(named)
    }
}

impl Described for i64 {
    fn schema(_: &mut Named) -> Value {
        json!({ "type": "integer" })
    }
}

impl Described for u32 {
    fn schema(named: &mut Named) -> Value {
        u64::schema(named)
    }
}

impl Described for u64 {
    fn schema(_: &mut Named) -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }
}

impl Described for Timestamp {
    fn schema(_: &mut Named) -> Value {
        json!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Clone, Copy, Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        First,
        SecondOne,
    }

    described_words!(Word: First, SecondOne);

    described! {
        /// What there is
        /// of it.
        #[derive(Serialize)]
        struct Part as "Part" {
            /// Its type.
            r#type: Word,
            at: Option<Timestamp>,
        }
    }

    described! {
        /// All of it.
        #[derive(Serialize)]
        struct Whole as "Whole" {
            ..part: Part,
            parts: Vec<Part>,
            again: Option<Part>,
            word: Option<Word>,
        }
    }

    #[test]
    fn a_struct_is_described_as_it_is_serialised() {
        let mut named = Named::new();
        assert_eq!(Whole::schema(&mut named), json!({ "$ref": "#/components/schemas/Whole" }));
        let time = json!({ "type": ["string", "null"], "format": "date-time" });
        let kind = json!({ "type": "string", "enum": ["first", "second_one"], "description": "Its type." });
        assert_eq!(
            named["Part"],
            json!({
                "type": "object",
                "description": "What there is of it.",
                "properties": { "type": kind, "at": time },
                "required": ["type", "at"],
            })
        );
        let part = json!({ "$ref": "#/components/schemas/Part" });
        assert_eq!(
            named["Whole"]["properties"],
            json!({
                "type": kind,
                "at": time,
                "parts": { "type": "array", "items": part },
                "again": { "anyOf": [part, { "type": "null" }] },
                "word": { "type": ["string", "null"], "enum": ["first", "second_one", null] },
            })
        );
        let one = || Part { r#type: Word::SecondOne, at: None };
        let whole = Whole { part: one(), parts: vec![one()], again: None, word: Some(Word::First) };
        let written = serde_json::to_value(whole).expect("serialises");
        let fields: Vec<_> = written.as_object().expect("an object").keys().map(|field| json!(field)).collect();
        let mut required = named["Whole"]["required"].as_array().expect("a list").clone();
        required.sort_by_key(ToString::to_string);
        assert_eq!(fields, required);
    }
}
