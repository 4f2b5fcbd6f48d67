//! What a record shows, field by field: what its history compares, and what subscribers are told.

use std::{borrow::Cow, ops::Index};

use serde::{
    Serialize, Serializer,
    ser::{Impossible, SerializeMap, SerializeStruct},
};
use serde_json::Value;

/// The fields of a record as the API shows them, ordered by name. A record is compared with what it was at every change, so that this does without
/// the maps and names of its own that a [`Value`] has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State(Vec<(Cow<'static, str>, Value)>);

impl State {
    /// The fields of a struct, also of one that another is flattened into; none of anything else.
    #[must_use]
    pub fn of<T: Serialize>(shown: &T) -> Self {
        shown.serialize(Fields).unwrap_or_default()
    }

    /// All fields with their names.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// With the field `name` as `value`, whether there was one or not.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        match self.0.binary_search_by(|(known, _)| known.as_ref().cmp(name)) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (Cow::Borrowed(name), value)),
        }
        self
    }

    /// Takes the fields out that are called so.
    pub fn remove(&mut self, names: &[&str]) {
        self.0.retain(|(name, _)| !names.contains(&name.as_ref()));
    }
}

/// What a field is; null if it is none of them.
impl Index<&str> for State {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        static NULL: Value = Value::Null;
        self.0.binary_search_by(|(known, _)| known.as_ref().cmp(name)).map_or(&NULL, |at| &self.0[at].1)
    }
}

impl<N: Into<Cow<'static, str>>> FromIterator<(N, Value)> for State {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(fields: I) -> Self {
        let mut fields: Vec<_> = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
        fields.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Self(fields)
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Takes the fields of a struct, and nothing else.
struct Fields;

/// Fields that are being taken.
#[derive(Default)]
struct Taking {
    fields: Vec<(Cow<'static, str>, Value)>,
    /// The name whose value comes next.
    name: Option<String>,
}

type Error = serde_json::Error;

impl SerializeStruct for Taking {
    type Ok = State;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.fields.push((Cow::Borrowed(name), value.serialize(serde_json::value::Serializer)?));
        Ok(())
    }

    fn end(self) -> Result<State, Error> {
        Ok(self.fields.into_iter().collect())
    }
}

impl SerializeMap for Taking {
    type Ok = State;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), Error> {
        match name.serialize(serde_json::value::Serializer)? {
            Value::String(name) => self.name = Some(name),
            _ => return no_struct(),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let Some(name) = self.name.take() else { return no_struct() };
        self.fields.push((Cow::Owned(name), value.serialize(serde_json::value::Serializer)?));
        Ok(())
    }

    fn end(self) -> Result<State, Error> {
        SerializeStruct::end(self)
    }
}

fn no_struct<T>() -> Result<T, Error> {
    Err(serde::ser::Error::custom("only a struct has fields"))
}

macro_rules! refused {
    ($($method:ident($($argument:ty),*) -> $taken:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$taken, Error> { no_struct() })*
    };
}

impl Serializer for Fields {
    type Ok = State;
    type Error = Error;
    type SerializeSeq = Impossible<State, Error>;
    type SerializeTuple = Impossible<State, Error>;
    type SerializeTupleStruct = Impossible<State, Error>;
    type SerializeTupleVariant = Impossible<State, Error>;
    type SerializeMap = Taking;
    type SerializeStruct = Taking;
    type SerializeStructVariant = Impossible<State, Error>;

    fn serialize_struct(self, _: &'static str, count: usize) -> Result<Taking, Error> {
        Ok(Taking { fields: Vec::with_capacity(count), name: None })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Taking, Error> {
        Ok(Taking::default())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<State, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<State, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(self, _: &'static str, _: u32, _: &'static str, _: &T) -> Result<State, Error> {
        no_struct()
    }

    refused! {
        serialize_bool(bool) -> State;
        serialize_i8(i8) -> State;
        serialize_i16(i16) -> State;
        serialize_i32(i32) -> State;
        serialize_i64(i64) -> State;
        serialize_u8(u8) -> State;
        serialize_u16(u16) -> State;
        serialize_u32(u32) -> State;
        serialize_u64(u64) -> State;
        serialize_f32(f32) -> State;
        serialize_f64(f64) -> State;
        serialize_char(char) -> State;
        serialize_str(&str) -> State;
        serialize_bytes(&[u8]) -> State;
        serialize_none() -> State;
        serialize_unit() -> State;
        serialize_unit_struct(&'static str) -> State;
        serialize_unit_variant(&'static str, u32, &'static str) -> State;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Shown {
        status: &'static str,
        #[serde(rename = "type")]
        kind: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<bool>,
        metadata: BTreeMap<String, String>,
    }

    #[test]
    fn it_is_what_the_json_of_the_struct_is() {
        let shown = Shown { status: "paid", kind: Some(7), left_out: None, metadata: BTreeMap::from([("a".to_owned(), "b".to_owned())]) };
        let mut state = State::of(&shown);
        assert_eq!(serde_json::to_value(&state).expect("JSON"), serde_json::to_value(&shown).expect("JSON"));
        assert_eq!(serde_json::to_string(&state).expect("JSON"), r#"{"metadata":{"a":"b"},"status":"paid","type":7}"#);
        assert_eq!((&state["type"], &state["left_out"], &state["kind"]), (&json!(7), &Value::Null, &Value::Null));
        state.remove(&["status", "unknown"]);
        assert_eq!(state.fields().map(|(name, _)| name).collect::<Vec<_>>(), ["metadata", "type"]);
        assert_eq!(State::of(&Some(&shown)).fields().count(), 3);
        assert_eq!(State::of(&[1, 2]), State::default());
    }

    #[derive(Serialize)]
    struct Wider {
        id: u32,
        #[serde(flatten)]
        inner: Shown,
    }

    #[test]
    fn what_is_flattened_into_a_struct_belongs_to_it() {
        let wider = Wider { id: 1, inner: Shown { status: "open", kind: None, left_out: None, metadata: BTreeMap::new() } };
        assert_eq!(serde_json::to_value(State::of(&wider)).expect("JSON"), serde_json::to_value(&wider).expect("JSON"));
    }
}
