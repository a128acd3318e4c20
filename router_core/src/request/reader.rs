//! Walks a body as the parser meets it, without building a tree: one visitor that knows its slot and
//! hands each value to the findings. The path is kept, so that an error can name the field.

use std::borrow::Cow;
use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::shape::Slot;
use super::{Operation, Place, RequestError, Text};
use crate::facts::Features;

/// Largest figure a body may state; the messages of `Slot::expected` spell it out.
const LARGEST_FIGURE: u64 = 100_000_000;

/// What was met so far.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // independent marks of one body
pub(super) struct Found<'de> {
    pub model: Option<String>,
    pub stream: bool,
    pub max_tokens: Option<u32>,
    pub max_completion_tokens: Option<u32>,
    pub choices: Option<u32>,
    pub features: Features,
    /// A field prescribes the form of the answer.
    pub formed: bool,
    pub texts: Vec<Text<'de>>,
    pub token_ids: usize,
    /// Strings and token lists given as prompts; 0 for a chat.
    pub prompts: usize,
    /// The field that carries the text was there.
    content: bool,
    /// The role of the message being read is the user's.
    user: bool,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Member(&'static str),
    Element(usize),
}

#[derive(Debug, Default)]
struct Reader<'de> {
    found: Found<'de>,
    path: Vec<Step>,
    /// Set when a value is refused; the parser's own errors leave it empty.
    refused: Option<String>,
}

pub(super) fn read(body: &[u8], operation: Operation) -> Result<Found<'_>, RequestError> {
    let mut reader = Reader::default();
    let mut parser = serde_json::Deserializer::from_slice(body);
    let visitor = At { reader: &mut reader, slot: Slot::Body(operation) };
    visitor
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
        .map_err(|error| reader.explain(&error))?;
    let mut found = reader.found;
    if operation == Operation::Embedding {
        found.need(Features::EMBEDDINGS);
    }
    if found.content {
        return Ok(found);
    }
    let field = operation.content_field();
    let expected = Slot::Body(operation).member(field).0.expected();
    let message = format!("`{field}` is missing; give {expected}");
    Err(RequestError { message, param: Some(field.to_owned()), place: None })
}

impl Reader<'_> {
    fn explain(&self, error: &serde_json::Error) -> RequestError {
        match &self.refused {
            None => RequestError::malformed("the body", error),
            Some(message) => RequestError {
                message: message.clone(),
                param: Some(self.path()).filter(|path| !path.is_empty()),
                place: Some(Place { line: error.line(), column: error.column() }),
            },
        }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            // Writing to a String cannot fail.
            let _ = match step {
                Step::Member(name) if path.is_empty() => write!(path, "{name}"),
                Step::Member(name) => write!(path, ".{name}"),
                Step::Element(index) => write!(path, "[{index}]"),
            };
        }
        path
    }
}

impl<'de> Found<'de> {
    fn need(&mut self, feature: Features) {
        self.features = self.features.union(feature);
    }

    /// One answer to one prompt, in text of no prescribed form.
    pub fn is_plain(&self) -> bool {
        let special =
            [Features::TOOLS, Features::JSON_SCHEMA, Features::LOGPROBS, Features::EMBEDDINGS];
        let asks = |feature: &Features| self.features.contains(*feature);
        !self.formed
            && !special.iter().any(asks)
            && self.choices.unwrap_or(1) == 1
            && self.prompts <= 1
    }

    /// Each of these says whether the value may stand in the slot.
    fn null(&mut self, slot: Slot) -> bool {
        match slot {
            Slot::Model => self.model = None,
            Slot::Stream => self.stream = false,
            Slot::MaxTokens => self.max_tokens = None,
            Slot::MaxCompletionTokens => self.max_completion_tokens = None,
            Slot::Choices => self.choices = None,
            Slot::Messages | Slot::Prompts => self.forget_content(),
            _ => {}
        }
        !slot.needs_value()
    }

    fn flag(&mut self, slot: Slot, value: bool) -> bool {
        match slot {
            Slot::Stream => self.stream = value,
            Slot::Logprobs if value => self.need(Features::LOGPROBS),
            Slot::Logprobs => {}
            _ => return false,
        }
        true
    }

    /// `None` is a number that is no integer from 0.
    fn number(&mut self, slot: Slot, value: Option<u64>) -> bool {
        let figure = value
            .filter(|value| *value <= LARGEST_FIGURE)
            .and_then(|value| u32::try_from(value).ok());
        match (slot, figure) {
            (Slot::MaxTokens, Some(_)) => self.max_tokens = figure,
            (Slot::MaxCompletionTokens, Some(_)) => self.max_completion_tokens = figure,
            (Slot::Choices, Some(1..)) => self.choices = figure,
            (Slot::Logprobs, Some(_)) => self.need(Features::LOGPROBS),
            (Slot::TokenIds, Some(_)) => self.token_ids += 1,
            // Ids side by side in the outer list are one prompt together.
            (Slot::Prompt, Some(_)) => {
                self.token_ids += 1;
                self.prompts = self.prompts.max(1);
            }
            _ => return false,
        }
        true
    }

    fn text(&mut self, slot: Slot, value: Cow<'de, str>) -> bool {
        match slot {
            Slot::Model => self.model = Some(value.into_owned()),
            Slot::Role => self.user = value == "user",
            Slot::FormatType if matches!(value.as_ref(), "json_schema" | "json_object") => {
                self.need(Features::JSON_SCHEMA);
            }
            Slot::PartType if matches!(value.as_ref(), "image_url" | "input_image" | "image") => {
                self.need(Features::VISION);
            }
            Slot::FormatType | Slot::PartType => {}
            Slot::Content | Slot::Text => self.texts.push(Text { content: value, asks: false }),
            Slot::Prompts | Slot::Prompt => {
                self.content = true;
                self.prompts += 1;
                self.texts.push(Text { content: value, asks: true });
            }
            _ => return false,
        }
        true
    }

    fn forget_content(&mut self) {
        self.texts.clear();
        (self.token_ids, self.prompts, self.content) = (0, 0, false);
    }

    /// Before a value of this slot: of a field given twice the last one holds.
    fn enter(&mut self, slot: Slot) {
        match slot {
            Slot::Messages | Slot::Prompts => self.forget_content(),
            Slot::Message => self.user = false,
            _ => {}
        }
    }

    /// After a list of `length` elements.
    fn leave_list(&mut self, slot: Slot, length: usize) -> bool {
        match slot {
            Slot::Tools if length > 0 => self.need(Features::TOOLS),
            Slot::Messages | Slot::Prompts => self.content = length > 0,
            Slot::Prompt => self.prompts += 1,
            _ => {}
        }
        self.content || !matches!(slot, Slot::Messages | Slot::Prompts)
    }

    /// After an object that began when there were `texts` texts.
    fn leave_object(&mut self, slot: Slot, texts: usize) {
        if slot == Slot::Message && self.user {
            self.texts.iter_mut().skip(texts).for_each(|text| text.asks = true);
        }
    }
}

/// The visitor of one value.
struct At<'r, 'de> {
    reader: &'r mut Reader<'de>,
    slot: Slot,
}

impl<'de> At<'_, 'de> {
    fn refuse<E: Error>(self, met: &str) -> E {
        let path = self.reader.path();
        let field = if path.is_empty() { "the body".to_owned() } else { format!("`{path}`") };
        let message = format!("{field} must be {}, not {met}", self.slot.expected());
        let error = E::custom(&message);
        self.reader.refused = Some(message);
        error
    }

    fn accept<E: Error>(
        self,
        met: &str,
        take: impl FnOnce(&mut Found<'de>, Slot) -> bool,
    ) -> Result<(), E> {
        if take(&mut self.reader.found, self.slot) {
            Ok(())
        } else {
            Err(self.refuse(met))
        }
    }
}

impl<'de> DeserializeSeed<'de> for At<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if matches!(self.slot, Slot::Form | Slot::Other) {
            self.reader.found.formed |= self.slot == Slot::Form;
            return deserializer.deserialize_ignored_any(IgnoredAny).map(drop);
        }
        self.reader.found.enter(self.slot);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slot.expected())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.accept("null", Found::null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.accept(&value.to_string(), |found, slot| found.flag(slot, value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.accept(&value.to_string(), |found, slot| found.number(slot, Some(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.accept(&value.to_string(), |found, slot| found.number(slot, u64::try_from(value).ok()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        // `50.0` is an integer to JSON; the cast saturates, and what is too large is refused later.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let whole = (value >= 0.0 && value.fract() == 0.0).then_some(value as u64);
        self.accept(&value.to_string(), |found, slot| found.number(slot, whole))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.accept("a string", |found, slot| found.text(slot, Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<(), E> {
        self.accept("a string", |found, slot| found.text(slot, Cow::Borrowed(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some(slot) = self.slot.element() else { return Err(self.refuse("a list")) };
        let mut length = 0;
        loop {
            self.reader.path.push(Step::Element(length));
            if list.next_element_seed(At { reader: &mut *self.reader, slot })?.is_none() {
                break;
            }
            self.reader.path.pop();
            length += 1;
        }
        self.reader.path.pop();
        self.accept("an empty list", |found, slot| found.leave_list(slot, length))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        if !self.slot.is_object() {
            return Err(self.refuse("an object"));
        }
        let texts = self.reader.found.texts.len();
        while let Some((slot, name)) = object.next_key_seed(Key(self.slot))? {
            self.reader.path.push(Step::Member(name));
            object.next_value_seed(At { reader: &mut *self.reader, slot })?;
            self.reader.path.pop();
        }
        self.reader.found.leave_object(self.slot, texts);
        Ok(())
    }
}

/// Reads a member's name as its slot, so that no name is copied.
struct Key(Slot);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = (Slot, &'static str);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = (Slot, &'static str);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.member(name))
    }
}
