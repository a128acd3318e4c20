//! What kind of question a query is (R15): simple, medium or complex, told by its words, its type, its
//! entities and the documents that come with it. Every vocabulary is config; none is in the code.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueryClass {
    Simple,
    Medium,
    Complex,
    /// Classifying failed; the request is answered all the same.
    Unknown,
}

impl QueryClass {
    pub const ALL: [Self; 4] = [Self::Simple, Self::Medium, Self::Complex, Self::Unknown];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Medium => "medium",
            Self::Complex => "complex",
            Self::Unknown => "unknown",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
}

/// The words a classifier knows. Words and phrases are compared without case and punctuation.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct Vocabulary {
    /// Words and phrases that compare: complex.
    pub comparison: Vec<String>,
    /// Words and phrases that ask for several steps: complex.
    pub multi_step: Vec<String>,
    /// Words and phrases that leave open what is asked: complex.
    pub ambiguous: Vec<String>,
    /// Query types that are complex by themselves.
    pub complex_types: Vec<String>,
    /// Query types that are simple once the entities listed are given. An entity `age` is also given
    /// by `age_days`, or any other name that begins with `age_`.
    pub simple_types: BTreeMap<String, Vec<String>>,
    /// Words a factual question begins with.
    pub factual: Vec<String>,
    /// Words and phrases of how-to and why questions, which are never simple.
    pub how_to: Vec<String>,
    /// Words and phrases a bare look-up of a metric begins with.
    pub metrics: Vec<String>,
    /// Most words of a simple question; 0 makes none simple by its words.
    pub longest_factual_words: u32,
    /// Documents past which a query is complex. Default: no limit.
    pub most_context_docs: Option<u32>,
}

/// A query to classify.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<'q> {
    pub text: &'q str,
    pub query_type: Option<&'q str>,
    /// Each entity with its values.
    pub entities: &'q [(String, Vec<String>)],
    pub context_docs: usize,
}

/// A class, and the signal that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classified {
    pub class: QueryClass,
    pub signal: String,
}

/// Vocabularies made ready. Time is linear in the length of the text.
#[derive(Debug, Clone, Default)]
pub struct Classifier {
    comparison: Phrases,
    multi_step: Phrases,
    ambiguous: Phrases,
    factual: Phrases,
    how_to: Phrases,
    metrics: Phrases,
    complex_types: Vec<String>,
    simple_types: BTreeMap<String, Vec<String>>,
    longest_factual_words: usize,
    most_context_docs: usize,
}

impl Classifier {
    #[must_use]
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let limit = |most: Option<u32>| most.map_or(usize::MAX, |most| most as usize);
        Self {
            comparison: Phrases::new(&vocabulary.comparison),
            multi_step: Phrases::new(&vocabulary.multi_step),
            ambiguous: Phrases::new(&vocabulary.ambiguous),
            factual: Phrases::new(&vocabulary.factual),
            how_to: Phrases::new(&vocabulary.how_to),
            metrics: Phrases::new(&vocabulary.metrics),
            complex_types: vocabulary
                .complex_types
                .iter()
                .map(|name| name.to_lowercase())
                .collect(),
            simple_types: vocabulary
                .simple_types
                .iter()
                .map(|(name, needed)| (name.to_lowercase(), needed.clone()))
                .collect(),
            longest_factual_words: vocabulary.longest_factual_words as usize,
            most_context_docs: limit(vocabulary.most_context_docs),
        }
    }

    /// What speaks for complex goes before what speaks for simple; the rest is medium.
    #[must_use]
    pub fn classify(&self, query: &Query<'_>) -> Classified {
        let lower = query.text.to_lowercase();
        let words: Vec<&str> = words(&lower).collect();
        let query_type = query.query_type.unwrap_or_default().trim().to_lowercase();
        let classified = |class, signal| Classified { class, signal };
        if let Some(signal) = self.complex(query, &words, &query_type) {
            return classified(QueryClass::Complex, signal);
        }
        if let Some(phrase) = self.how_to.first_in(&words) {
            return classified(QueryClass::Medium, format!("asks how or why: `{phrase}`"));
        }
        match self.simple(query, &words, &query_type) {
            Some(signal) => classified(QueryClass::Simple, signal),
            None => classified(QueryClass::Medium, "nothing speaks for simple or complex".into()),
        }
    }

    fn complex(&self, query: &Query<'_>, words: &[&str], query_type: &str) -> Option<String> {
        if let Some(phrase) = self.comparison.first_in(words) {
            return Some(format!("compares: `{phrase}`"));
        }
        if let Some((name, _)) = query.entities.iter().find(|(_, values)| parts(values) > 1) {
            return Some(format!("the entity `{name}` has several values"));
        }
        if self.complex_types.iter().any(|known| known == query_type) {
            return Some(format!("the query type `{query_type}` is complex"));
        }
        if let Some(phrase) = self.multi_step.first_in(words) {
            return Some(format!("asks for several steps: `{phrase}`"));
        }
        if questions(query.text) > 1 {
            return Some("asks several questions".into());
        }
        if let Some(phrase) = self.ambiguous.first_in(words) {
            return Some(format!("leaves open what is asked: `{phrase}`"));
        }
        (query.context_docs > self.most_context_docs)
            .then(|| format!("comes with more than {} documents", self.most_context_docs))
    }

    fn simple(&self, query: &Query<'_>, words: &[&str], query_type: &str) -> Option<String> {
        let needed = self.simple_types.get(query_type);
        if needed.is_some_and(|needed| needed.iter().all(|name| is_given(query.entities, name))) {
            return Some(format!("the query type `{query_type}` with all its entities"));
        }
        let length = query.text.split_whitespace().filter(|word| is_word(word)).count();
        if length > self.longest_factual_words {
            return None;
        }
        if let Some(phrase) = self.factual.at_start(words) {
            return Some(format!("a short factual question: `{phrase}`"));
        }
        let metric = self.metrics.at_start(words)?;
        Some(format!("a bare metric: `{metric}`"))
    }
}

/// How many values an entity has: items of a list, and what commas part.
fn parts(values: &[String]) -> usize {
    let parts = values.iter().flat_map(|value| value.split(','));
    parts.filter(|part| !part.trim().is_empty()).count()
}

fn is_given(entities: &[(String, Vec<String>)], wanted: &str) -> bool {
    let goes_by = |name: &str| {
        let rest = name.strip_prefix(wanted);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    entities.iter().any(|(name, values)| goes_by(&name.to_lowercase()) && parts(values) > 0)
}

/// Sentences with words that end with a question mark.
fn questions(text: &str) -> usize {
    let mut sentences = text.split('?').collect::<Vec<_>>();
    sentences.pop();
    sentences.into_iter().filter(|sentence| is_word(sentence)).count()
}

fn is_word(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

/// What is left of a text without its punctuation.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Phrases by their first word, so that looking for all of them takes one pass.
#[derive(Debug, Clone, Default)]
struct Phrases(FxHashMap<String, Vec<Phrase>>);

#[derive(Debug, Clone)]
struct Phrase {
    words: Vec<String>,
    /// As written in the config.
    written: String,
}

impl Phrases {
    fn new(written: &[String]) -> Self {
        let mut by_first: FxHashMap<String, Vec<Phrase>> = FxHashMap::default();
        for text in written {
            let words: Vec<String> = words(&text.to_lowercase()).map(str::to_owned).collect();
            if let Some(first) = words.first().cloned() {
                by_first.entry(first).or_default().push(Phrase { words, written: text.clone() });
            }
        }
        Self(by_first)
    }

    /// The phrase a text begins with.
    fn at_start(&self, text: &[&str]) -> Option<&str> {
        let mut known = self.0.get(*text.first()?)?.iter();
        let begins = |phrase: &Phrase| {
            text.len() >= phrase.words.len()
                && phrase.words.iter().zip(text).all(|(word, there)| word == there)
        };
        known.find(|phrase| begins(phrase)).map(|phrase| phrase.written.as_str())
    }

    /// The first phrase anywhere in a text.
    fn first_in(&self, text: &[&str]) -> Option<&str> {
        (0..text.len()).find_map(|start| self.at_start(text.get(start..)?))
    }
}
