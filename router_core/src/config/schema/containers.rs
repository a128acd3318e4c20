//! Containers that keep one bad entry from hiding the others: each entry is built by itself, and one
//! that cannot be built is kept as the reason. validate.rs reports such entries at their places.

use std::borrow::Cow;

use schemars::{json_schema, JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::config::pointer::Pointer;

/// An entry, or what stood in its place.
pub type Entry<T> = Result<T, Broken>;

/// An entry that could not be built.
#[derive(Debug)]
pub struct Broken {
    pub reason: String,
    pub written: Value,
}

impl Broken {
    /// The words under `key`, one or a list, as far as they are words.
    pub fn words(&self, key: &str) -> impl Iterator<Item = &str> {
        let value = self.written.get(key);
        let list = value.and_then(Value::as_array).into_iter().flatten();
        list.chain(value).filter_map(Value::as_str)
    }
}

fn build<T: DeserializeOwned>(written: Value) -> Entry<T> {
    T::deserialize(&written).map_err(|error| Broken { reason: error.to_string(), written })
}

/// A map from names to entries, in file order.
#[derive(Debug)]
pub struct Entries<T>(Vec<(String, Entry<T>)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Entries<T> {
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry<T>)> {
        self.0.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// The entries that could be built.
    pub fn valid(&self) -> impl Iterator<Item = (&str, &T)> {
        self.iter().filter_map(|(name, entry)| entry.as_ref().ok().map(|entry| (name, entry)))
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::default()),
            Value::Object(map) => {
                Ok(Self(map.into_iter().map(|(name, value)| (name, build(value))).collect()))
            }
            _ => Err(serde::de::Error::custom("expected a mapping")),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("EntriesOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let entry = generator.subschema_for::<T>();
        json_schema!({ "type": ["object", "null"], "additionalProperties": entry })
    }
}

/// A list of entries.
#[derive(Debug)]
pub struct Items<T>(Vec<Entry<T>>);

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Items<T> {
    pub fn iter(&self) -> impl Iterator<Item = &Entry<T>> {
        self.0.iter()
    }

    /// The items that could be built, with their positions in the file.
    pub fn valid(&self) -> impl Iterator<Item = (usize, &T)> {
        self.0
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| entry.as_ref().ok().map(|entry| (index, entry)))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::default()),
            Value::Array(items) => Ok(Self(items.into_iter().map(build).collect())),
            _ => Err(serde::de::Error::custom("expected a list")),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Items<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ItemsOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({ "type": ["array", "null"], "items": item })
    }
}

/// A name, or a list of names.
#[derive(Debug, Default)]
pub struct Names {
    names: Vec<String>,
    /// Written without a list.
    bare: bool,
}

impl Names {
    /// The names with their places, `at` being the place of the whole.
    #[must_use]
    pub fn located(&self, at: &Pointer) -> Vec<(Pointer, &str)> {
        let place = |index| {
            if self.bare {
                at.clone()
            } else {
                at.index(index)
            }
        };
        self.names.iter().enumerate().map(|(index, name)| (place(index), name.as_str())).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::default()),
            Value::String(name) => Ok(Self { names: vec![name], bare: true }),
            list => serde_json::from_value(list)
                .map(|names| Self { names, bare: false })
                .map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for Names {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Names".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "string" }, { "type": ["array", "null"], "items": { "type": "string" } }]
        })
    }
}
