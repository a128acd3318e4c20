//! Sets top-level members of a JSON object and leaves the bytes of every other member as they were:
//! a number too large for any type, or an escape, reaches the provider as the caller wrote it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::RequestError;

/// Sets the members of `changes` in `body`, both JSON objects. A member set to null is removed; one
/// that `body` lacks is appended; of a member given twice the last value holds, in the first place.
///
/// Fails where either is not a JSON object.
pub fn overlay(body: &[u8], changes: &[u8]) -> Result<Vec<u8>, RequestError> {
    let mut members = parse(body, "the body")?;
    for Member { name, value } in parse(changes, "the overlay")?.list {
        members.set(name, value.filter(|value| value.get() != "null"));
    }
    Ok(members.write(body.len() + changes.len()))
}

fn parse<'de>(json: &'de [u8], what: &str) -> Result<Members<'de>, RequestError> {
    serde_json::from_slice(json).map_err(|error| RequestError::malformed(what, &error))
}

/// A member as written, quotes and escapes included.
struct Member<'de> {
    name: &'de RawValue,
    /// `None` is removed.
    value: Option<&'de RawValue>,
}

/// Members in the order they were first named. The index is a tree, which no choice of names can
/// slow down.
#[derive(Default)]
struct Members<'de> {
    list: Vec<Member<'de>>,
    index: BTreeMap<Cow<'de, str>, usize>,
}

impl<'de> Members<'de> {
    fn set(&mut self, name: &'de RawValue, value: Option<&'de RawValue>) {
        let next = self.list.len();
        let place = *self.index.entry(unescaped(name)).or_insert(next);
        match self.list.get_mut(place) {
            Some(member) => member.value = value,
            None => self.list.push(Member { name, value }),
        }
    }

    fn write(&self, capacity: usize) -> Vec<u8> {
        let mut json = Vec::with_capacity(capacity);
        let kept = self.list.iter().filter_map(|member| Some((member.name, member.value?)));
        let mut before = b'{';
        for (name, value) in kept {
            json.push(before);
            json.extend_from_slice(name.get().as_bytes());
            json.push(b':');
            json.extend_from_slice(value.get().as_bytes());
            before = b',';
        }
        if json.is_empty() {
            json.push(before);
        }
        json.push(b'}');
        json
    }
}

/// A name as it reads, for comparison; one that is no valid text compares as written.
fn unescaped(name: &RawValue) -> Cow<'_, str> {
    let written = name.get();
    if written.contains('\\') {
        return serde_json::from_str(written).map_or(Cow::Borrowed(written), Cow::Owned);
    }
    Cow::Borrowed(written.trim_matches('"'))
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some((name, value)) = object.next_entry()? {
            members.set(name, Some(value));
        }
        Ok(members)
    }
}
